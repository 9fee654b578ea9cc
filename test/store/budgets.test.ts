import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { noAmounts } from '../../src/model/budget.ts';
import type { ClaimOutcome, SliceRequest } from '../../src/model/budget-slice.ts';
import { BudgetFleet, courses, tokens } from '../interceptor/support/budget-fleet.ts';
import { openTestStore, type TestStore } from '../support/store.ts';

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore();
});
afterAll(() => store.close());

const heldOf = (id: string) =>
  store.db
    .selectFrom('budgetSlices')
    .select(['interceptor', 'heldTokens', 'isFinal'])
    .where('budget', '=', id)
    .orderBy('interceptor')
    .execute();

type Asked = SliceRequest['slices'][number];

/** Of one budget of 100 tokens. */
function asked(id: string, more: Partial<Asked> = {}): Asked {
  const none = { usd: 0, tokens: 0, calls: 0 };
  return { id, limits: { tokens: 100 }, version: null, taken: none, keep: none, isOpen: false, ahead: none, ...more };
}

/** One call of an interceptor that has asked for nothing yet. */
async function claim(interceptor: string, id: string, count: number): Promise<ClaimOutcome | undefined> {
  await heardOf(interceptor, -3600);
  const request = { slices: [asked(id)], claims: [{ budgets: [id], amounts: tokens(count) }] };
  return (await store.budgets.deal(interceptor, request)).claims[0];
}

/** So long ago, or, where it is less than nothing, for so long to come: however slow this machine is. */
async function heardOf(interceptor: string, seconds: number): Promise<void> {
  await store.grants.beat(interceptor);
  const seenAt = new Date(Date.now() - seconds * 1000);
  await store.db.updateTable('interceptors').set({ seenAt }).where('id', '=', interceptor).execute();
}

test(
  'interceptors that ask all at once, lose answers and die spend no more of a budget than there is, and all of that',
  { timeout: 240_000 },
  async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(courses(3), async (course) => {
        const ids = [`batch/of-run-${++run}`, `rollout/of-run-${run}`];
        const limits = new Map(ids.map((id, n) => [id, 100 + 50 * n]));
        const fleet = new BudgetFleet(store.budgets, limits, () => turn());
        for (const name of ['a', 'b', 'c'].map((letter) => `${letter}-of-run-${run}`)) {
          await heardOf(name, -3600);
          await fleet.add(name);
        }
        await fleet.run(course);
        const rows = async () => (await Promise.all(ids.map(heldOf))).flat();
        const spent = await fleet.settle(async () => (await rows()).every(({ isFinal }) => isFinal));
        expect((await rows()).reduce((sum, { heldTokens }) => sum + heldTokens, 0)).toBe(2 * spent);
        await fleet.close();
      }),
      { numRuns: 10 },
    );
  },
);

test('what an interceptor holds that has fallen silent counts as spent, and comes back with it', async () => {
  const id = 'batch/silent';
  expect(await claim('falls-silent', id, 60)).toEqual({ kind: 'granted' });
  expect(await claim('goes-on', id, 60)).toEqual({ kind: 'waits' });
  expect(await store.budgets.wantedBack('falls-silent')).toEqual([id]);
  await heardOf('falls-silent', 60);
  const goesOn = asked(id, { version: 1 });
  const again = { claims: [{ budgets: [id], amounts: tokens(60) }] };
  const silent = { usd: 0, tokens: 60, calls: 1 };
  expect((await store.budgets.deal('goes-on', { slices: [goesOn], ...again })).claims).toEqual([
    { kind: 'refused', budget: id, spent: silent, silent },
  ]);
  await heardOf('falls-silent', 0);
  const back = asked(id, { version: 1, taken: tokens(40), keep: tokens(40) });
  await store.budgets.deal('falls-silent', { slices: [back], claims: [] });
  const last = await store.budgets.deal('goes-on', { slices: [asked(id, { version: 2 })], ...again });
  expect(last.claims).toEqual([{ kind: 'granted' }]);
});

test('a question that another has overtaken changes nothing, and says what is so', async () => {
  const id = 'batch/overtaken';
  await claim('asks', id, 60);
  const late = await store.budgets.deal('asks', {
    slices: [asked(id)],
    claims: [{ budgets: [id], amounts: tokens(1) }],
  });
  expect(late).toEqual({
    slices: [{ id, version: 2, held: tokens(60), wasKnown: false }],
    claims: [{ kind: 'unknown' }],
  });
});

test('one that leaves takes with it what it spent, and nothing else', async () => {
  const id = 'batch/left';
  await claim('leaves', id, 60);
  await store.budgets.leave('leaves', (budget) => (budget === id ? tokens(25) : noAmounts));
  expect(await heldOf(id)).toEqual([{ interceptor: 'leaves', heldTokens: 25, isFinal: true }]);
  // What is final is not looked at again.
  await store.budgets.leave('leaves', () => noAmounts);
  expect(await heldOf(id)).toEqual([{ interceptor: 'leaves', heldTokens: 25, isFinal: true }]);
  expect(await claim('stays', id, 75)).toEqual({ kind: 'granted' });
});

test('budgets that nobody asked about for long are forgotten, the others are not', async () => {
  await claim('asks', 'batch/old', 10);
  await claim('asks', 'batch/new', 10);
  const longAgo = new Date(Date.now() - 60_000);
  await store.db.updateTable('budgets').set({ usedAt: longAgo }).where('id', '=', 'batch/old').execute();
  await store.budgets.prune(new Date(Date.now() - 30_000));
  expect(await heldOf('batch/old')).toEqual([]);
  expect(await heldOf('batch/new')).toHaveLength(1);
});
