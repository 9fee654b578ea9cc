import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BudgetBook } from '../../../src/interceptor/budgets/budget-book.ts';
import type { Reservation } from '../../../src/interceptor/budgets/budgets.ts';
import { temporaryFolder } from '../support/interceptor.ts';

const fail = (error: unknown) => {
  throw error;
};
const live = () => false;
const amounts = (tokens: number) => ({ usd: 0, tokens, calls: 1 });

async function reserved(book: BudgetBook, limit: number, tokens: number): Promise<Reservation | string> {
  const outcome = await book.reserve([{ id: 'rollout/1', tokens: limit }], amounts(tokens), live);
  return outcome.kind === 'reserved' ? outcome.reservation : outcome.message;
}

test('whatever calls want and take, in whatever order they end, no budget is exceeded and none waits for ever', async () => {
  const call = fc.record({ wanted: fc.integer({ min: 1, max: 60 }), share: fc.float({ min: 0, max: 1, noNaN: true }) });
  const directory = await temporaryFolder();
  let run = 0;
  const book = await BudgetBook.open(directory, fail);
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 12 }), fc.scheduler(), async (calls, scheduler) => {
      const budgets = [
        { id: `rollout/${++run}`, tokens: 100 },
        { id: `batch/${run}`, tokens: 150, calls: 8 },
      ];
      let [held, taken, forwarded] = [0, 0, 0];
      await scheduler.waitFor(
        Promise.all(
          calls.map(async ({ wanted, share }) => {
            const outcome = await book.reserve(budgets, amounts(wanted), live);
            if (outcome.kind === 'exhausted') {
              if (taken + held + wanted <= 100 && forwarded < 8) throw new Error('it would have fitted');
              return;
            }
            held += wanted;
            forwarded += 1;
            expect(taken + held).toBeLessThanOrEqual(100);
            expect(forwarded).toBeLessThanOrEqual(8);
            await scheduler.schedule(Promise.resolve());
            const real = Math.floor(wanted * share);
            held -= wanted;
            taken += real;
            outcome.reservation.settle(amounts(real));
          }),
        ),
      );
    }),
    { numRuns: 60 },
  );
  await book.close();
});

test('a call waits for one that holds more than it takes, and is refused once nothing can be given back', async () => {
  const book = await BudgetBook.open(await temporaryFolder(), fail);
  const first = await reserved(book, 100, 80);
  const second = reserved(book, 100, 60);
  if (typeof first === 'string') throw new Error(first);
  first.settle(amounts(30));
  const held = await second;
  if (typeof held === 'string') throw new Error(held);
  held.settle(amounts(60));
  expect(await reserved(book, 100, 11)).toBe(
    'The budget rollout/1 of 100 tokens is used up: 90 tokens are spent, and this call may take up to 11 tokens.',
  );
  await book.close();
});

test('a reservation that a crash left open counts in full, a settled one as what it took, a torn line as nothing', async () => {
  const directory = await temporaryFolder();
  const book = await BudgetBook.open(directory, fail);
  const settled = await reserved(book, 100, 50);
  if (typeof settled === 'string') throw new Error(settled);
  settled.settle(amounts(10));
  expect(await reserved(book, 100, 40)).not.toBeTypeOf('string');
  await book.close();
  await appendFile(join(directory, 'budgets.jsonl'), '\n{"budget":"rollout/1","at":1,"usd":0,"tok');
  for (const _ of [1, 2]) {
    const again = await BudgetBook.open(directory, fail);
    expect(await reserved(again, 100, 51)).toContain('50 tokens are spent');
    await again.close();
  }
  const last = await BudgetBook.open(directory, fail);
  expect(await reserved(last, 100, 50)).not.toBeTypeOf('string');
  await last.close();
});
