import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BatchPlan } from '../../src/model/batch.ts';
import type { BatchInput, BatchProgress } from '../../src/model/batch-stages.ts';
import { batchWorkflowId, rolloutWorkflowId } from '../../src/model/ids.ts';
import type { DeploymentRow } from '../../src/store/deployments.ts';
import { dockerSubject, type DockerSubject } from '../contract/docker-subject.ts';
import { newBatch } from '../support/batch.ts';
import { readyDeployment } from '../support/deployment.ts';
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

const idle = (held: { gate?: Promise<void> } = {}) =>
  idleRollouts({ store, client: workflows().client, provider: subject.provider }, held);

const make = async (plan: Partial<BatchPlan>, concurrency: number): Promise<string> =>
  (await newBatch(store, deployment, randomUUID(), { plan, concurrency })).id;

const start = (taskQueue: string, options: BatchInput): Promise<WorkflowHandle> =>
  workflows().client.workflow.start('batch', {
    taskQueue,
    workflowId: batchWorkflowId(options.batchId),
    args: [options],
  });

/** Events of each of its runs. */
async function runsOf(batchId: string): Promise<number[]> {
  const found: number[] = [];
  const query = `WorkflowId = "${batchWorkflowId(batchId)}"`;
  for await (const { historyLength } of workflows().client.workflow.list({ query })) found.push(historyLength);
  return found;
}

async function eventually(what: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await what())) {
    if (Date.now() > end) throw new Error('it did not come to pass');
    await sleep(50);
  }
}

/** A run for every rollout that ends, so that whatever is sent meets a hand-over. */
const oftenHandedOver = { endedPerRun: 1 };

describe('a batch that hands over', { timeout: 120_000 }, () => {
  test('comes to the same as one that does not, in histories of bounded length', async () => {
    const plan = { seeds: { from: 1, count: 12 }, samples: 2 };
    const eventsPerRun = 30;
    const story = async (options: Partial<BatchInput>) => {
      const { all, most } = idle();
      const batchId = await make(plan, 4);
      await workflows().run(all, async (queue) => (await start(queue, { batchId, ...options })).result());
      const rows = await store.batches.results(batchId, -1, 100);
      const batch = await store.batches.find(batchId);
      return {
        what: [
          batch?.status,
          batch?.cursor,
          rows.map(({ batchCell, seed, sample, status }) => [batchCell, seed, sample, status]),
        ],
        most: most(),
        runs: await runsOf(batchId),
      };
    };
    const whole = await story({});
    const byEvents = await story({ eventsPerRun });
    expect(byEvents.what).toEqual(whole.what);
    // How many there are depends on how much comes at once: a quick machine needs few.
    expect([whole.runs.length, byEvents.runs.length > 1]).toEqual([1, true]);
    expect(Math.max(whole.most, byEvents.most)).toBeLessThanOrEqual(4);
    // One look, what four rollouts may say meanwhile, and tasks that were refused since they said it: three events each.
    expect(Math.max(...byEvents.runs)).toBeLessThanOrEqual(eventsPerRun + 40);
  });

  test('loses no Update, whichever run it meets', async () => {
    const batchId = await make({ seeds: { from: 1, count: 16 } }, 2);
    await workflows().run(idle().all, async (queue) => {
      const handle = await start(queue, { batchId, ...oftenHandedOver });
      const told: number[] = [];
      const asked = Array.from({ length: 8 }, (_, index) => 2 + (index % 3));
      for (const concurrency of asked) {
        told.push(
          (await handle.executeUpdate<BatchProgress, [number]>('setConcurrency', { args: [concurrency] })).concurrency,
        );
      }
      expect(told).toEqual(asked);
      await handle.result();
    });
    expect(await store.batches.counts(batchId)).toEqual({ scored: 16, failed: {}, cancelled: 0, open: {} });
    expect((await runsOf(batchId)).length).toBeGreaterThan(5);
  });

  test('stays paused over it, and goes on when it is told to', async () => {
    const batchId = await make({ seeds: { from: 1, count: 12 } }, 3);
    await workflows().run(idle().all, async (queue) => {
      const handle = await start(queue, { batchId, ...oftenHandedOver });
      await eventually(async () => (await store.batches.counts(batchId)).scored > 0);
      await handle.executeUpdate('pause');
      await eventually(async () => (await store.batches.open(batchId)).length === 0);
      const { scored } = await store.batches.counts(batchId);
      // A look that starts nothing.
      await handle.signal('steered');
      expect((await store.batches.find(batchId))?.status).toBe('paused');
      expect((await store.batches.counts(batchId)).scored).toBe(scored);
      expect(scored).toBeLessThan(12);
      await handle.executeUpdate('resume');
      await handle.result();
    });
    expect(await store.batches.counts(batchId)).toMatchObject({ scored: 12 });
  });

  test('runs again what it is told to meanwhile', async () => {
    const batchId = await make({ seeds: { from: 1, count: 12 } }, 3);
    const { all } = idle();
    const unlucky = [`${batchId}-1`, `${batchId}-2`];
    const evaluate: typeof all.evaluate = async (ref) =>
      unlucky.includes(ref.rolloutId)
        ? { reward: null, rewards: null, trust: null, failure: { class: 'no_reward', message: 'as asked' } }
        : all.evaluate(ref);
    await workflows().run({ ...all, evaluate }, async (queue) => {
      const handle = await start(queue, { batchId, ...oftenHandedOver });
      await eventually(async () => (await store.batches.counts(batchId)).scored > 3);
      expect(await handle.executeUpdate('retry', { args: [{ seeds: [2, 3] }] })).toMatchObject({ total: 14 });
      await handle.result();
    });
    expect(await store.batches.counts(batchId)).toEqual({ scored: 12, failed: {}, cancelled: 0, open: {} });
    expect((await store.batches.find(batchId))?.cursor).toBe(14);
  });

  test('is cancelled whichever run hears of it, with what runs', async () => {
    const batchId = await make({ seeds: { from: 1, count: 40 } }, 3);
    await workflows().run(idle().all, async (queue) => {
      const handle = await start(queue, { batchId, ...oftenHandedOver, lookSeconds: 2 });
      await eventually(async () => (await store.batches.counts(batchId)).scored > 2);
      await handle.executeUpdate('cancel');
      await handle.result();
    });
    const { status, cursor } = (await store.batches.find(batchId)) ?? {};
    expect([status, Number(cursor) < 40]).toEqual(['cancelled', true]);
    expect(await store.batches.open(batchId)).toEqual([]);
  });
});

describe("a batch's workflow", { timeout: 120_000 }, () => {
  test('that is cancelled in Temporal cancels the batch', async () => {
    const { promise: gate } = Promise.withResolvers<void>();
    const batchId = await make({ seeds: { from: 1, count: 6 } }, 2);
    await workflows().run(idle({ gate }).all, async (queue) => {
      const handle = await start(queue, { batchId, lookSeconds: 2 });
      await eventually(async () => (await store.batches.open(batchId)).every(({ workflowRunId }) => workflowRunId));
      await eventually(async () => (await store.batches.open(batchId)).length === 2);
      await handle.cancel();
      await handle.result();
    });
    expect(await store.batches.find(batchId)).toMatchObject({ status: 'cancelled', cursor: 2 });
    expect(await store.batches.counts(batchId)).toMatchObject({ cancelled: 2, open: {} });
  });

  test.each([10_000, 0, 1.5, 'many'])('takes no concurrency of %s', async (concurrency) => {
    const { promise: gate, resolve } = Promise.withResolvers<void>();
    const batchId = await make({ seeds: { from: 1, count: 1 } }, 1);
    await workflows().run(idle({ gate }).all, async (queue) => {
      const handle = await start(queue, { batchId });
      await expect(handle.executeUpdate('setConcurrency', { args: [concurrency] })).rejects.toMatchObject({
        cause: { type: 'invalid_request', message: `concurrency: ${concurrency} is no whole number from 1 to 1000` },
      });
      resolve();
      await handle.result();
    });
  });

  test('looks around also while there is always something new', async () => {
    const { promise: gate, resolve } = Promise.withResolvers<void>();
    const batchId = await make({ seeds: { from: 1, count: 2 } }, 1);
    await workflows().run(idle({ gate }).all, async (queue) => {
      const handle = await start(queue, { batchId, lookSeconds: 1 });
      const first = workflows().client.workflow.getHandle(rolloutWorkflowId(`${batchId}-0`));
      await eventually(async () => (await store.batches.open(batchId)).some(({ workflowRunId }) => workflowRunId));
      await first.terminate('as a test asks');
      await eventually(async () => {
        await handle.signal('steered');
        return (await store.batches.counts(batchId)).cancelled === 1;
      });
      resolve();
      await handle.result();
    });
    expect(await store.batches.counts(batchId)).toMatchObject({ scored: 1, cancelled: 1 });
  });

  test('outlives looks that fail', async () => {
    const { all } = idle();
    let tries = 0;
    const turnBatch: typeof all.turnBatch = async (request) => {
      tries += 1;
      if (tries === 1) throw ApplicationFailure.nonRetryable('as asked', 'internal');
      return all.turnBatch(request);
    };
    const batchId = await make({ seeds: { from: 1, count: 2 } }, 2);
    await workflows().run({ ...all, turnBatch }, async (queue) => (await start(queue, { batchId })).result());
    expect(await store.batches.counts(batchId)).toMatchObject({ scored: 2 });
  });
});
