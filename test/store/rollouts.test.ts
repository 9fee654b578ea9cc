import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { rolloutRequestSchema } from '../../src/model/rollout.ts';
import type { RolloutResult } from '../../src/model/result.ts';
import { noUsage, type RolloutStatus } from '../../src/model/rollout.ts';
import type { DeploymentRow } from '../../src/store/deployments.ts';
import { readyDeployment } from '../support/deployment.ts';
import { run } from '../support/rollout.ts';
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

async function insert(): Promise<string> {
  count += 1;
  const id = `r${String(count).padStart(4, '0')}`;
  await store.rollouts.insert({
    id,
    organization: 'default',
    deploymentId: deployment.id,
    deploymentName: deployment.name,
    generation: 1,
    snapshotName: 'snapshot',
    traceCorrelationId: id,
    comparison: null,
    seed: 1,
    agent: 'codex',
    model: 'gpt-5-mini',
    request: rolloutRequestSchema.parse({}),
  });
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
    expect(await store.rollouts.admit(first, run('run-1'), 2)).toMatchObject({ kind: 'admitted' });
    expect(await store.rollouts.admit(second, run('run-2'), 2)).toMatchObject({ kind: 'admitted' });
    expect(await store.rollouts.admit(third, run('run-3'), 2)).toEqual({ kind: 'full', ahead: 0 });
    await store.rollouts.release(first);
    expect(await store.rollouts.admit(third, run('run-3'), 2)).toMatchObject({ kind: 'admitted' });
  });

  test('goes in the order in which the rollouts were made', async () => {
    const [first, second, third] = [await insert(), await insert(), await insert()];
    await store.rollouts.admit(first, run('run-1'), 1);
    expect(await store.rollouts.admit(second, run('run-2'), 1)).toEqual({ kind: 'full', ahead: 0 });
    expect(await store.rollouts.admit(third, run('run-3'), 1)).toEqual({ kind: 'full', ahead: 1 });
    await store.rollouts.release(first);
    expect(await store.rollouts.admit(third, run('run-3'), 1)).toEqual({ kind: 'full', ahead: 1 });
    expect(await store.rollouts.admit(second, run('run-2'), 1)).toMatchObject({ kind: 'admitted' });
  });

  test('asked for again by the same workflow run takes no second place', async () => {
    const [first, second] = [await insert(), await insert()];
    await store.rollouts.admit(first, run('run-1'), 2);
    await store.rollouts.admit(first, run('run-1'), 2);
    expect(await store.rollouts.admit(second, run('run-2'), 2)).toMatchObject({ kind: 'admitted' });
  });

  test('binds a rollout to one workflow run', async () => {
    const id = await insert();
    await store.rollouts.admit(id, run('run-1'), 2);
    expect(await store.rollouts.admit(id, run('run-2'), 2)).toEqual({ kind: 'foreign' });
  });

  test('is not to be had for a closed rollout', async () => {
    const id = await insert();
    await store.rollouts.close(id, 'run-1', 'cancelled', result(null));
    expect(await store.rollouts.admit(id, run('run-1'), 2)).toEqual({ kind: 'foreign' });
  });

  test('counts those who wait when it says what is free', async () => {
    const first = await insert();
    await store.rollouts.admit(first, run('run-1'), 3);
    await insert();
    expect(await store.rollouts.freePlaces(3)).toBe(1);
  });
});

describe('a result', () => {
  test('is written once', async () => {
    const id = await insert();
    await store.rollouts.admit(id, run('run-1'), 1);
    expect(await store.rollouts.close(id, 'run-1', 'completed', result(1))).toMatchObject({ reward: 1 });
    expect(await store.rollouts.close(id, 'run-1', 'completed', result(0))).toBeUndefined();
    expect(await store.rollouts.find(id)).toMatchObject({ reward: 1, status: 'completed', result: { reward: 1 } });
  });

  test('is not written by a workflow run that does not own the rollout', async () => {
    const id = await insert();
    await store.rollouts.admit(id, run('run-1'), 1);
    expect(await store.rollouts.close(id, 'run-2', 'completed', result(1))).toBeUndefined();
    expect(await store.rollouts.find(id)).toMatchObject({ reward: null, closedAt: null });
  });

  test('ends the changes of status', async () => {
    const id = await insert();
    await store.rollouts.admit(id, run('run-1'), 1);
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
    await store.rollouts.admit(id, run('run-1'), 1);
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
