import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SlicedBook } from '../../../src/interceptor/budgets/sliced-book.ts';
import { BudgetFleet, courses, memoryTable, tokens } from '../support/budget-fleet.ts';
import { temporaryFolder } from '../support/interceptor.ts';

const fail = (error: unknown) => {
  throw error;
};
const live = () => false;

test(
  'whatever order calls, questions and answers take, and whatever is lost or dies, no budget is exceeded, and no call is refused that fits',
  { timeout: 240_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(courses(3), fc.scheduler(), async (course, scheduler) => {
        const table = memoryTable();
        const limits = new Map([
          ['batch/1', 150],
          ['rollout/1', 100],
        ]);
        const fleet = new BudgetFleet(table, limits, () => scheduler.schedule(Promise.resolve()));
        for (const name of ['a', 'b', 'c']) await fleet.add(name);
        const sumOf = (id: string) =>
          [...table.slices.values()].reduce((sum, { budget, held }) => sum + (budget === id ? held.tokens : 0), 0);
        const isFinal = async () => [...table.slices.values()].every((slice) => slice.isFinal);
        await scheduler.waitFor(fleet.run(course));
        expect(sumOf('rollout/1')).toBeLessThanOrEqual(100);
        const spent = await scheduler.waitFor(fleet.settle(isFinal));
        expect([sumOf('rollout/1'), sumOf('batch/1')]).toEqual([spent, spent]);
        await fleet.close();
      }),
      { numRuns: 60 },
    );
  },
);

test('what is being given back is not spent meanwhile', async () => {
  const table = memoryTable();
  const asked = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  let isSlow = false;
  const open = async (name: string) =>
    SlicedBook.open({
      directory: await temporaryFolder(),
      onError: fail,
      pollMs: 1,
      ask: async (request) => {
        const answer = await table.deal(name, request);
        if (!isSlow) return answer;
        asked.resolve();
        await answered.promise;
        return answer;
      },
    });
  const [giving, taking] = [await open('giving'), await open('taking')];
  const budgets = [{ id: 'batch/1', tokens: 100 }];
  const reserve = async (book: SlicedBook, count: number) => {
    const outcome = await book.reserve(budgets, tokens(count), live);
    return outcome.kind === 'reserved' ? outcome.reservation : outcome.message;
  };
  const first = await reserve(giving, 10);
  expect(table.slices.get('batch/1 giving')?.held.tokens).toBeGreaterThanOrEqual(20);
  isSlow = true;
  giving.wantedBack(['batch/1']);
  await asked.promise;
  const late = reserve(giving, 10);
  isSlow = false;
  const second = await reserve(taking, 90);
  if (typeof first === 'string' || typeof second === 'string') throw new Error('they fit');
  answered.resolve();
  first.settle(tokens(10));
  second.settle(tokens(90));
  taking.wantedBack(['batch/1']);
  expect(await late).toContain('100 tokens are spent');
  for (const book of [giving, taking]) await book.close();
});

test('a call asks for nothing that its slice has room for: it goes on while nobody answers', async () => {
  const table = memoryTable();
  let questions = 0;
  let isAway = false;
  const book = await SlicedBook.open({
    directory: await temporaryFolder(),
    onError: fail,
    ask: async (request) => {
      questions += 1;
      if (isAway) return new Promise(() => undefined);
      return table.deal('a', request);
    },
  });
  const budgets = [{ id: 'batch/1', tokens: 1_000_000 }];
  const call = async () => {
    const outcome = await book.reserve(budgets, tokens(1000), live);
    if (outcome.kind === 'exhausted') throw new Error(outcome.message);
    outcome.reservation.settle(tokens(100));
  };
  await call();
  expect(questions).toBe(1);
  isAway = true;
  for (let n = 0; n < 30; n += 1) await call();
  expect(questions).toBeLessThanOrEqual(2);
});

test('without an answer no more is spent than the slice holds, and a call that waits is let go once nobody waits for it', async () => {
  const table = memoryTable();
  let isAway = false;
  let unanswered = 0;
  const book = await SlicedBook.open({
    directory: await temporaryFolder(),
    onError: fail,
    retryMs: 1,
    ask: async (request) => {
      if (!isAway) return table.deal('a', request);
      unanswered += 1;
      throw new Error('no contact');
    },
  });
  const budgets = [{ id: 'rollout/1', tokens: 1000 }];
  const reserve = (isOver: () => boolean) => book.reserve(budgets, tokens(10), isOver);
  expect(await reserve(live)).toMatchObject({ kind: 'reserved' });
  isAway = true;
  const held = table.slices.get('rollout/1 a')?.held.tokens ?? 0;
  expect(held).toBeGreaterThanOrEqual(20);
  expect(held).toBeLessThan(1000);
  for (let taken = 20; taken <= held; taken += 10) expect(await reserve(live)).toMatchObject({ kind: 'reserved' });
  const before = unanswered;
  expect(await reserve(() => unanswered > before + 2)).toMatchObject({ kind: 'exhausted' });
  await book.close();
});
