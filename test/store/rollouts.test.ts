import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Capacity } from '../../src/model/capacity.ts';
import type { RolloutResult } from '../../src/model/result.ts';
import { noUsage, type RolloutStatus } from '../../src/model/rollout.ts';
import type { RolloutRow } from '../../src/store/rollouts.ts';
import type { DeploymentRow } from '../../src/store/deployments.ts';
import { readyDeployment } from '../support/deployment.ts';
import { insertRollout, roomFor, run, small } from '../support/rollout.ts';
import { openTestStore, type TestStore } from '../support/store.ts';

let store: TestStore;
let deployment: DeploymentRow;
let count = 0;

beforeAll(async () => {
  store = await openTestStore();
  deployment = await readyDeployment(store, { name: 'env' });
});
afterAll(() => store.close());
beforeEach(async () => {
  await store.db.deleteFrom('events').execute();
  await store.db.deleteFrom('rollouts').execute();
});

/** Puts a rollout in line; what is not said is the deployment's own. */
async function insert(
  marks: Partial<Pick<RolloutRow, 'batchId' | 'priority' | 'cpuCores' | 'memoryMb'>> = {},
): Promise<string> {
  count += 1;
  const id = `r${String(count).padStart(4, '0')}`;
  await insertRollout(store, deployment, id);
  if (Object.keys(marks).length > 0) await store.db.updateTable('rollouts').set(marks).where('id', '=', id).execute();
  return id;
}

const result = (reward: number | null): RolloutResult => ({
  failure: null,
  reward,
  rewards: null,
  trust: null,
  selfReported: false,
  details: {},
  exitCode: 0,
  attempts: 1,
  usage: noUsage,
  timings: { queued_s: null, provision_s: null, agent_s: null, evaluate_s: null, total_s: null },
  resources: { cpuCores: 1, memoryMb: 1, diskMb: 1, peakMemoryMb: null, cpuSeconds: null, oomKills: null },
});

describe('admission', () => {
  test('gives as many rollouts a place as there are', async () => {
    const [first, second, third] = [await insert(), await insert(), await insert()];
    expect(await store.rollouts.admit(first, run('run-1'), roomFor(2))).toMatchObject({ kind: 'admitted' });
    expect(await store.rollouts.admit(second, run('run-2'), roomFor(2))).toMatchObject({ kind: 'admitted' });
    expect(await store.rollouts.admit(third, run('run-3'), roomFor(2))).toEqual({ kind: 'full', ahead: 0 });
    await store.rollouts.release(first);
    expect(await store.rollouts.admit(third, run('run-3'), roomFor(2))).toMatchObject({ kind: 'admitted' });
  });

  test('goes in the order in which the rollouts were made', async () => {
    const [first, second, third] = [await insert(), await insert(), await insert()];
    await store.rollouts.admit(first, run('run-1'), roomFor(1));
    expect(await store.rollouts.admit(second, run('run-2'), roomFor(1))).toEqual({ kind: 'full', ahead: 0 });
    expect(await store.rollouts.admit(third, run('run-3'), roomFor(1))).toEqual({ kind: 'full', ahead: 1 });
    await store.rollouts.release(first);
    expect(await store.rollouts.admit(third, run('run-3'), roomFor(1))).toEqual({ kind: 'full', ahead: 1 });
    expect(await store.rollouts.admit(second, run('run-2'), roomFor(1))).toMatchObject({ kind: 'admitted' });
  });

  test('asked for again by the same workflow run takes no second place', async () => {
    const [first, second] = [await insert(), await insert()];
    await store.rollouts.admit(first, run('run-1'), roomFor(2));
    await store.rollouts.admit(first, run('run-1'), roomFor(2));
    expect(await store.rollouts.admit(second, run('run-2'), roomFor(2))).toMatchObject({ kind: 'admitted' });
  });

  test('binds a rollout to one workflow run', async () => {
    const id = await insert();
    await store.rollouts.admit(id, run('run-1'), roomFor(2));
    expect(await store.rollouts.admit(id, run('run-2'), roomFor(2))).toEqual({ kind: 'foreign' });
  });

  test('is not to be had for a closed rollout', async () => {
    const id = await insert();
    await store.rollouts.close(id, 'run-1', 'cancelled', result(null));
    expect(await store.rollouts.admit(id, run('run-1'), roomFor(2))).toEqual({ kind: 'foreign' });
  });

  test('counts those who wait when it says what is free', async () => {
    const first = await insert();
    await store.rollouts.admit(first, run('run-1'), roomFor(3));
    await insert();
    expect(await store.rollouts.hasRoom(roomFor(3), small)).toBe(true);
  });
});

/** Asks for all of them once, and says which got a place. */
async function askAll(ids: readonly string[], capacity: Capacity): Promise<readonly string[]> {
  const admitted: string[] = [];
  for (const id of ids) {
    const asked = await store.rollouts.admit(id, run(`run of ${id}`), capacity);
    if (asked.kind === 'admitted') admitted.push(id);
  }
  return admitted;
}

const some = async (n: number, marks: Parameters<typeof insert>[0]): Promise<string[]> => {
  const ids: string[] = [];
  for (let left = n; left > 0; left -= 1) ids.push(await insert(marks));
  return ids;
};

describe('those who wait', () => {
  test('come in the order of their priority, whoever was there before', async () => {
    const [holder, ordinary, urgent] = [await insert(), await insert(), await insert({ priority: 1 })];
    await askAll([holder, ordinary, urgent], roomFor(1));
    await store.rollouts.close(holder, `run of ${holder}`, 'completed', result(1));
    await store.rollouts.release(holder);
    expect(await askAll([ordinary, urgent], roomFor(1))).toEqual([urgent]);
  });

  test('of a small batch are not kept out by a large one that came before', async () => {
    const many = await some(20, { batchId: 'many' });
    await askAll(many, roomFor(4));
    const few = await some(3, { batchId: 'few' });
    await askAll(few, roomFor(4));
    for (const id of many.slice(0, 2)) await store.rollouts.release(id);
    expect(await askAll([...many.slice(4), ...few], roomFor(4))).toEqual(few.slice(0, 2));
  });

  test('have room kept for them, however much they need: small ones do not slip past', async () => {
    const capacity = { ...roomFor(10), memoryMb: 8192 };
    const holders = await some(2, { memoryMb: 4096 });
    expect(await askAll(holders, capacity)).toEqual(holders);
    const large = await insert({ memoryMb: 8192 });
    const tiny = await some(3, { memoryMb: 512 });
    await askAll([large, ...tiny], capacity);
    await store.rollouts.release(holders[0] ?? '');
    expect(await askAll([...tiny, large], capacity)).toEqual([]);
    await store.rollouts.release(holders[1] ?? '');
    expect(await askAll([...tiny, large], capacity)).toEqual([large]);
  });

  test('get in alone where one needs more than there is', async () => {
    const capacity = { ...roomFor(10), memoryMb: 1024, cpuCores: 1 };
    const [giant, next] = [await insert({ memoryMb: 32_768, cpuCores: 8 }), await insert({ memoryMb: 512 })];
    expect(await askAll([giant, next], capacity)).toEqual([giant]);
  });

  test('wait for a starting slot, which who has begun to run has given back', async () => {
    const capacity = { ...roomFor(10), starting: 1 };
    const [first, second] = [await insert(), await insert()];
    expect(await askAll([first, second], capacity)).toEqual([first]);
    await store.rollouts.enter(first, `run of ${first}`, 'running', 1);
    expect(await askAll([second], capacity)).toEqual([second]);
  });

  test('are never given more than there is, and all get in at last', { timeout: 120_000 }, async () => {
    const kind = fc.record({
      batchId: fc.constantFrom('one', 'two', null),
      priority: fc.constantFrom(0, 1),
      memoryMb: fc.constantFrom(512, 2048, 6144),
      cpuCores: fc.constantFrom(1, 2, 4),
    });
    const capacity: Capacity = { running: 4, starting: 4, cpuCores: 8, memoryMb: 8192 };
    await fc.assert(
      fc.asyncProperty(fc.array(kind, { minLength: 1, maxLength: 12 }), async (kinds) => {
        const waiting = new Map<string, (typeof kinds)[number]>();
        for (const marks of kinds) waiting.set(await insert(marks), marks);
        const held = new Map<string, (typeof kinds)[number]>();
        while (waiting.size > 0) {
          for (const id of await askAll([...waiting.keys()], capacity)) {
            const marks = waiting.get(id);
            if (marks) held.set(id, marks);
            waiting.delete(id);
          }
          const sizes = [...held.values()];
          expect(sizes.length).toBeGreaterThan(0);
          expect(sizes.length).toBeLessThanOrEqual(capacity.running);
          expect(sizes.reduce((sum, { memoryMb }) => sum + memoryMb, 0)).toBeLessThanOrEqual(capacity.memoryMb);
          expect(sizes.reduce((sum, { cpuCores }) => sum + cpuCores, 0)).toBeLessThanOrEqual(capacity.cpuCores);
          const [oldest = ''] = held.keys();
          await store.rollouts.release(oldest);
          held.delete(oldest);
        }
        for (const id of held.keys()) await store.rollouts.release(id);
      }),
      { numRuns: 20 },
    );
  });
});

test('a rollout takes what its deployment says', async () => {
  const id = await insert();
  const { limits } = await store.deployments.generation(deployment.id, 1);
  expect(await store.rollouts.find(id)).toMatchObject({ cpuCores: limits.cpu_cores, memoryMb: limits.memory_mb });
});

describe('a result', () => {
  test('is written once', async () => {
    const id = await insert();
    await store.rollouts.admit(id, run('run-1'), roomFor(1));
    expect(await store.rollouts.close(id, 'run-1', 'completed', result(1))).toMatchObject({ reward: 1 });
    expect(await store.rollouts.close(id, 'run-1', 'completed', result(0))).toBeUndefined();
    expect(await store.rollouts.find(id)).toMatchObject({ reward: 1, status: 'completed', result: { reward: 1 } });
  });

  test('is not written by a workflow run that does not own the rollout', async () => {
    const id = await insert();
    await store.rollouts.admit(id, run('run-1'), roomFor(1));
    expect(await store.rollouts.close(id, 'run-2', 'completed', result(1))).toBeUndefined();
    expect(await store.rollouts.find(id)).toMatchObject({ reward: null, closedAt: null });
  });

  test('ends the changes of status', async () => {
    const id = await insert();
    await store.rollouts.admit(id, run('run-1'), roomFor(1));
    await store.rollouts.close(id, 'run-1', 'completed', result(1));
    await store.rollouts.enter(id, 'run-1', 'running', 1);
    expect(await store.rollouts.find(id)).toMatchObject({ status: 'completed' });
  });
});

describe('a worker that slept and comes late', () => {
  test.each<[RolloutStatus, number, RolloutStatus, number]>([
    ['evaluating', 1, 'running', 1],
    ['provisioning', 2, 'evaluating', 1],
    ['running', 2, 'provisioning', 2],
  ])('does not move %s of attempt %i back to %s of attempt %i', async (status, attempt, late, lateAttempt) => {
    const id = await insert();
    await store.rollouts.admit(id, run('run-1'), roomFor(1));
    await store.rollouts.enter(id, 'run-1', status, attempt);
    expect(await store.rollouts.enter(id, 'run-1', late, lateAttempt)).toBeUndefined();
    expect(await store.rollouts.find(id)).toMatchObject({ status, attempt });
    expect(await store.rollouts.enter(id, 'run-1', status, attempt)).toMatchObject({ status, attempt });
  });
});

describe('time in which a sandbox was paused', () => {
  test('is added up, and a pause that never began adds nothing', async () => {
    const id = await insert();
    await store.attempts.begin(id, 1, 'box');
    await store.attempts.setResumed(id, 1);
    expect(await store.attempts.find(id, 1)).toMatchObject({ pausedMs: 0 });
    await store.attempts.setPaused(id, 1);
    await store.attempts.setResumed(id, 1);
    await store.attempts.setResumed(id, 1);
    const attempt = await store.attempts.find(id, 1);
    expect(attempt?.pausedAt).toBeNull();
    expect(attempt?.pausedMs).toBeGreaterThanOrEqual(0);
    await store.db.deleteFrom('attempts').execute();
  });
});
