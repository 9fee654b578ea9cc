import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BatchProgress } from '../../src/model/batch-stages.ts';
import { batchWorkflowId, rolloutWorkflowId } from '../../src/model/ids.ts';
import type { BatchPlan } from '../../src/model/batch.ts';
import type { DeploymentRow } from '../../src/store/deployments.ts';
import { dockerSubject, type DockerSubject } from '../contract/docker-subject.ts';
import { readyDeployment } from '../support/deployment.ts';
import { newBatch } from '../support/batch.ts';
import { idleRollouts } from '../support/idle-rollouts.ts';
import { openTestStore, type TestStore } from '../support/store.ts';
import { useWorkflows } from '../support/workflows.ts';

const workflows = useWorkflows();
let store: TestStore;
let subject: DockerSubject;
let deployment: DeploymentRow;
beforeAll(async () => {
  store = await openTestStore();
  subject = await dockerSubject();
  deployment = await readyDeployment(store, { name: 'env' });
});
afterAll(async () => {
  await store.close();
  await subject.close([]);
});

/** Rollouts that do nothing, or wait at a gate. */
const activities = (held: { gate?: Promise<void> } = {}) =>
  idleRollouts({ store, client: workflows().client, provider: subject.provider }, held);

const start = (taskQueue: string, batchId: string, options: object = {}): Promise<WorkflowHandle> =>
  workflows().client.workflow.start('batch', {
    taskQueue,
    workflowId: batchWorkflowId(batchId),
    args: [{ batchId, ...options }],
  });

const make = async (plan: Partial<BatchPlan> = {}, concurrency = 2): Promise<string> =>
  (await newBatch(store, deployment, randomUUID(), { plan, concurrency })).id;

async function eventually(what: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await what())) {
    if (Date.now() > end) throw new Error('it did not come to pass');
    await sleep(50);
  }
}

const bound = async (batchId: string) =>
  (await store.batches.open(batchId)).filter(({ workflowRunId }) => workflowRunId !== null).length;

function gate(): { gate: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { gate: promise, open: resolve };
}

describe('a batch', { timeout: 120_000 }, () => {
  test('runs every cell once, never more than its concurrency at a time', async () => {
    const { all, most } = activities();
    const id = await make({ seeds: { from: 1, count: 5 }, samples: 2 }, 3);
    await workflows().run(all, async (queue) => (await start(queue, id)).result());
    expect(await store.batches.counts(id)).toEqual({ scored: 10, failed: {}, cancelled: 0, open: {} });
    expect(await store.batches.find(id)).toMatchObject({ status: 'completed', cursor: 10 });
    expect(most()).toBeLessThanOrEqual(3);
  });

  test('hands over from run to run and comes to the same', async () => {
    const id = await make({ seeds: { from: 1, count: 9 } });
    await workflows().run(activities().all, async (queue) => {
      const handle = await start(queue, id, { endedPerRun: 2 });
      await handle.result();
      const last = await workflows().client.workflow.getHandle(batchWorkflowId(id)).describe();
      expect(last.runId).not.toBe(last.raw.workflowExecutionInfo?.firstRunId);
    });
    expect(await store.batches.counts(id)).toMatchObject({ scored: 9, open: {} });
  });

  test('gives the room of a rollout on that was terminated, as a cancelled one', async () => {
    const held = gate();
    const id = await make({ seeds: { from: 1, count: 3 } }, 1);
    await workflows().run(activities(held).all, async (queue) => {
      const handle = await start(queue, id, { lookSeconds: 1 });
      await eventually(async () => (await bound(id)) === 1);
      await workflows()
        .client.workflow.getHandle(rolloutWorkflowId(`${id}-0`))
        .terminate('as a test asks');
      await eventually(async () => (await store.batches.counts(id)).cancelled === 1);
      held.open();
      await handle.result();
    });
    expect(await store.batches.counts(id)).toMatchObject({ scored: 2, cancelled: 1, open: {} });
  });

  test('finds a rollout that was started already', async () => {
    const id = await make({ seeds: { from: 1, count: 1 } });
    await workflows().run(activities().all, async (queue) => {
      await store.batches.turn(id, 1);
      const args = [{ rollout_id: `${id}-0`, batch: id }];
      const workflowId = rolloutWorkflowId(`${id}-0`);
      await workflows().client.workflow.start('rollout', { taskQueue: queue, workflowId, args });
      await (await start(queue, id)).result();
    });
    expect(await store.batches.counts(id)).toMatchObject({ scored: 1 });
  });

  test('starts what was written down by one that died before it could', async () => {
    const id = await make({ seeds: { from: 1, count: 2 } });
    await store.batches.turn(id, 2);
    await workflows().run(activities().all, async (queue) => (await start(queue, id)).result());
    expect(await store.batches.counts(id)).toMatchObject({ scored: 2 });
  });

  test('that is gone fails none of its rollouts', async () => {
    const held = gate();
    const id = await make({ seeds: { from: 1, count: 1 } });
    await workflows().run(activities(held).all, async (queue) => {
      const handle = await start(queue, id);
      await eventually(async () => (await bound(id)) === 1);
      await handle.terminate('as a test asks');
      held.open();
      const rollout = workflows().client.workflow.getHandle(rolloutWorkflowId(`${id}-0`));
      expect(await rollout.result()).toMatchObject({ status: 'completed', reward: 1 });
    });
  });

  test('is paused, gets another concurrency, goes on', async () => {
    const held = gate();
    const id = await make({ seeds: { from: 1, count: 6 } }, 1);
    await workflows().run(activities(held).all, async (queue) => {
      const handle = await start(queue, id);
      await eventually(async () => (await bound(id)) === 1);
      expect(await handle.executeUpdate<BatchProgress, []>('pause')).toMatchObject({ status: 'paused', started: 1 });
      await handle.executeUpdate('setConcurrency', { args: [4] });
      expect(await handle.query<BatchProgress | null>('progress')).toMatchObject({ concurrency: 4, started: 1 });
      await handle.executeUpdate('resume');
      await eventually(async () => (await bound(id)) === 4);
      held.open();
      await handle.result();
    });
    expect(await store.batches.counts(id)).toMatchObject({ scored: 6 });
  });

  test('that is cancelled ends what runs and starts nothing more', async () => {
    const id = await make({ seeds: { from: 1, count: 6 } });
    await workflows().run(activities(gate()).all, async (queue) => {
      const handle = await start(queue, id, { lookSeconds: 2 });
      await eventually(async () => (await bound(id)) === 2);
      await handle.executeUpdate('cancel');
      await handle.result();
    });
    expect(await store.batches.counts(id)).toEqual({ scored: 0, failed: {}, cancelled: 2, open: {} });
    expect(await store.batches.find(id)).toMatchObject({ status: 'cancelled', cursor: 2 });
  });
});
