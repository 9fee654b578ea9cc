import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { BatchPlan } from '../../src/model/batch.ts';
import type { FailureClass } from '../../src/model/failures.ts';
import type { DeploymentRow } from '../../src/store/deployments.ts';
import { newBatch } from '../support/batch.ts';
import { callRecord } from '../support/call.ts';
import { readyDeployment } from '../support/deployment.ts';
import { earnedOne, endRollout } from '../support/rollout.ts';
import { openTestStore, type TestStore } from '../support/store.ts';

let store: TestStore;
let deployment: DeploymentRow;
let count = 0;
let id: string;

beforeAll(async () => {
  store = await openTestStore();
  deployment = await readyDeployment(store, { name: 'env' });
});
afterAll(() => store.close());
beforeEach(() => {
  count += 1;
  id = `b${count}`;
});

const begin = (plan: Partial<BatchPlan>, concurrency: number) =>
  newBatch(store, deployment, id, { plan: { seeds: { from: 0, count: 30 }, ...plan }, concurrency });
const fail = (cell: string | number, failure: FailureClass) =>
  endRollout(store, `${id}-${cell}`, { ...earnedOne, reward: null, failure: { class: failure, message: 'why' } });
const score = (cell: string | number, reward = 1) => endRollout(store, `${id}-${cell}`, { ...earnedOne, reward });
/** What the next look starts, and why nothing where it does not. */
async function next() {
  const turn = await store.batches.turn(id, 100);
  return { begun: turn?.begun.length, reason: turn?.batch.stopReason, status: turn?.batch.status };
}

describe('a batch stops by the share that was lost', () => {
  test('once ten have ended, and not before', async () => {
    await begin({ stop: { failure_share: 0.3 } }, 10);
    await next();
    for (const cell of [0, 1, 2, 3, 4, 5]) await fail(cell, 'sandbox_lost');
    expect(await next()).toEqual({ begun: 6, reason: null, status: 'running' });
    for (const cell of [6, 7, 8, 9]) await score(cell);
    const reason = 'stop.failure_share: 6 of 10 rollouts were lost';
    expect(await next()).toEqual({ begun: 0, reason, status: 'running' });
    // What runs goes on, and then the batch is over.
    for (const cell of [10, 11, 12, 13, 14, 15]) await score(cell);
    expect(await next()).toEqual({ begun: 0, reason, status: 'completed' });
  });

  test('and by no fault of the agent or the task, however many', async () => {
    await begin({ stop: { failure_share: 0.1, failures: 1 } }, 10);
    await next();
    for (const cell of [0, 1, 2, 3, 4]) await fail(cell, 'no_reward');
    for (const cell of [5, 6, 7, 8, 9]) await fail(cell, 'agent_timeout');
    expect(await next()).toEqual({ begun: 10, reason: null, status: 'running' });
  });

  test('and counts anew with a retry, which runs until too many are lost again', async () => {
    await begin({ seeds: { from: 0, count: 12 }, stop: { failures: 2 } }, 1);
    for (const cell of [0, 1]) {
      expect(await next()).toMatchObject({ begun: 1 });
      await fail(cell, 'internal');
    }
    const reason = 'stop.failures: 2 rollouts were lost';
    expect(await next()).toEqual({ begun: 0, reason, status: 'completed' });
    // Those that were never started, and the two are still lost.
    expect(await store.batches.retry(id, { seeds: [5, 6, 7, 8] })).toBe(4);
    expect(await next()).toEqual({ begun: 1, reason: null, status: 'running' });
    await fail('5-g2', 'sandbox_lost');
    expect(await next()).toMatchObject({ begun: 1, reason: null });
    await fail('6-g2', 'sandbox_lost');
    expect(await next()).toEqual({ begun: 0, reason, status: 'completed' });
  });
});

describe('a batch stops by its budget', () => {
  const spend = (cell: number, calls: number) =>
    store.calls.save(
      Array.from({ length: calls }, () => callRecord(`${id}-${cell}`)),
      `journal of ${id}-${cell}`,
      1,
    );

  // A call is one of 15 tokens and $0.25.
  test.each([
    ['usd', { usd: 1 }, 3],
    ['tokens', { tokens: 60 }, 3],
    ['calls', { calls: 4 }, 3],
  ])('in %s: at the limit nothing more starts, and below it something does', async (unit, budget, below) => {
    await begin({ budget }, 2);
    expect(await next()).toMatchObject({ begun: 2 });
    await spend(0, below);
    await score(0);
    expect(await next()).toEqual({ begun: 1, reason: null, status: 'running' });
    await spend(1, 1);
    await score(1);
    expect(await next()).toEqual({ begun: 0, reason: `budget_exhausted: ${unit}`, status: 'running' });
    await score(2);
    expect(await next()).toMatchObject({ status: 'completed' });
    expect((await store.batches.counts(id)).scored).toBe(3);
  });

  test('which calls that were refused take nothing of', async () => {
    await begin({ budget: { calls: 1 } }, 1);
    await next();
    await store.calls.save([callRecord(`${id}-0`, { status: 'refused', usage: null, costUsd: null })], `j${id}`, 1);
    await score(0);
    expect(await next()).toMatchObject({ begun: 1, reason: null });
  });

  test('in rollouts, retries among them', async () => {
    await begin({ seeds: { from: 0, count: 2 }, budget: { rollouts: 3 } }, 2);
    await next();
    for (const cell of [0, 1]) await fail(cell, 'internal');
    await next();
    expect(await store.batches.retry(id, {})).toBe(2);
    expect(await next()).toMatchObject({ begun: 1 });
    await score('0-g2');
    expect(await next()).toEqual({ begun: 0, reason: 'budget_exhausted: rollouts', status: 'completed' });
    expect(await store.batches.counts(id)).toMatchObject({ scored: 1, failed: { internal: 1 } });
  });
});

describe('a retry', () => {
  beforeEach(async () => {
    await begin({ seeds: { from: 0, count: 4 } }, 4);
    await next();
    await score(0, 0);
    await fail(1, 'sandbox_lost');
    await fail(2, 'no_reward');
    await fail(3, 'no_reward');
    await next();
  });

  test.each([
    ['of all runs what has no reward, and no more', {}, [1, 2, 3]],
    ['by class runs what ended so', { classes: ['no_reward'] as const }, [2, 3]],
    ['of some seeds runs those of them that have no reward', { seeds: [0, 3] }, [3]],
    ['by class and seeds runs what is both', { classes: ['sandbox_lost'] as const, seeds: [3] }, []],
  ])('%s', async (_, selection, cells) => {
    expect(await store.batches.retry(id, selection)).toBe(cells.length);
    const { begun = [] } = (await store.batches.turn(id, 100)) ?? {};
    expect(begun.map(({ batchCell, batchGeneration, retryOf }) => [batchCell, batchGeneration, retryOf])).toEqual(
      cells.map((cell) => [cell, 2, `${id}-${cell}`]),
    );
  });

  test('takes the place of what it makes up for, each time anew', async () => {
    await store.batches.retry(id, { seeds: [1] });
    await next();
    await fail('1-g2', 'internal');
    await next();
    expect(await store.batches.counts(id)).toMatchObject({ scored: 1, failed: { internal: 1, no_reward: 2 } });
    // By the class of the newest, not of the first.
    expect(await store.batches.retry(id, { classes: ['sandbox_lost'] })).toBe(0);
    expect(await store.batches.retry(id, { classes: ['internal'] })).toBe(1);
    await next();
    await score('1-g3', 0.5);
    await next();
    expect(await store.batches.counts(id)).toMatchObject({ scored: 2, failed: { no_reward: 2 } });
    expect(await store.rollouts.find(`${id}-1-g3`)).toMatchObject({ retryOf: `${id}-1-g2`, reward: 0.5 });
    const { rewards } = await store.batches.figures(id, 1);
    expect(rewards.reduce((sum, { scored }) => sum + scored, 0)).toBe(2);
    // The old ones stay.
    expect((await store.rollouts.find(`${id}-1`))?.failureClass).toBe('sandbox_lost');
    expect((await store.batches.sums(id)).rollouts).toBe(6);
  });
});
