import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ActivityScope } from '../../src/activities/activity.ts';
import { close } from '../../src/activities/close.ts';
import type { AttemptGate } from '../../src/activities/deps.ts';
import { batchWorkflowId } from '../../src/model/ids.ts';
import type { CollectRequest, Evaluation } from '../../src/model/stages.ts';
import type { DeploymentRow } from '../../src/store/deployments.ts';
import { dockerSubject, type DockerSubject } from '../contract/docker-subject.ts';
import { newBatch } from '../support/batch.ts';
import { readyDeployment } from '../support/deployment.ts';
import { roomFor, run } from '../support/rollout.ts';
import { openTestStore, type TestStore } from '../support/store.ts';
import { startTemporal, type TestTemporal } from '../support/temporal.ts';
import { activityDeps } from '../support/activity-deps.ts';

let store: TestStore;
let temporal: TestTemporal;
let client: Client;
let subject: DockerSubject;
let deployment: DeploymentRow;
beforeAll(async () => {
  temporal = await startTemporal();
  client = new Client({ connection: await Connection.connect({ address: temporal.address }) });
  store = await openTestStore();
  subject = await dockerSubject();
  deployment = await readyDeployment(store, { name: 'env' });
});
afterAll(async () => {
  await subject.close([]);
  await store.close();
  await client.connection.close();
  await temporal.stop();
});

const scopeOf = (workflowRunId: string): ActivityScope => ({
  signal: new AbortController().signal,
  workflowId: `workflow of ${workflowRunId}`,
  workflowRunId,
  taskQueue: 'harbor',
  activityId: '1',
  activityTry: 1,
  scheduledAt: new Date(),
  report: () => undefined,
});

const depsWith = (revoke: AttemptGate['revoke']) =>
  activityDeps({ store, client, provider: subject.provider }, { revoke });

const earned = (reward: number): Evaluation => ({ reward, rewards: { reward }, trust: 'quiesced', failure: null });

/** The only rollout of a batch, judged, with a batch's workflow that no worker carries on. */
async function judged(): Promise<{ batchId: string; rolloutId: string; request: CollectRequest }> {
  const { id: batchId } = await newBatch(store, deployment, randomUUID(), { plan: { seeds: { list: [1] } } });
  const rolloutId = `${batchId}-0`;
  await store.batches.turn(batchId, 1);
  await store.rollouts.admit(rolloutId, run('own'), roomFor(100));
  await store.attempts.begin(rolloutId, 1, `harbor-${rolloutId}-a1-agent`);
  await store.rollouts.enter(rolloutId, 'own', 'evaluating', 1);
  await client.workflow.start('batch', {
    taskQueue: 'nobody',
    workflowId: batchWorkflowId(batchId),
    args: [{ batchId }],
  });
  return { batchId, rolloutId, request: { rolloutId, attempt: 1, failure: null, agent: null, evaluation: earned(1) } };
}

/** How often the batch was told that one of its rollouts has ended. */
async function told(batchId: string): Promise<number> {
  const { events } = await client.workflow.getHandle(batchWorkflowId(batchId)).fetchHistory();
  return (events ?? []).filter((event) => event.workflowExecutionSignaledEventAttributes?.signalName === 'rolloutEnded')
    .length;
}

test('a rollout that is closed has its result, holds nothing, and its batch knows', async () => {
  const { batchId, rolloutId, request } = await judged();
  const outcome = await close(
    depsWith(() => Promise.resolve()),
    request,
    scopeOf('own'),
  );
  expect(outcome).toMatchObject({ rollout_id: rolloutId, status: 'completed', reward: 1, failure: null });
  const row = await store.rollouts.find(rolloutId);
  expect([row?.status, row?.reward, row?.releasedAt !== null]).toEqual(['completed', 1, true]);
  expect((await store.attempts.find(rolloutId, 1))?.endedAt).not.toBeNull();
  expect(await told(batchId)).toBe(1);
});

test('who dies between the result and the removal is repeated, with the result that was written', async () => {
  const { batchId, rolloutId, request } = await judged();
  const dying = depsWith(() => Promise.reject(new Error('the worker dies here')));
  await expect(close(dying, request, scopeOf('own'))).rejects.toThrow('the worker dies here');
  const committed = await store.rollouts.find(rolloutId);
  expect([committed?.reward, committed?.releasedAt, await told(batchId)]).toEqual([1, null, 0]);

  const deps = depsWith(() => Promise.resolve());
  const again = await close(deps, { ...request, evaluation: earned(0) }, scopeOf('own'));
  expect(again).toMatchObject({ status: 'completed', reward: 1 });
  expect(await store.rollouts.find(rolloutId)).toMatchObject({ reward: 1, closedAt: committed?.closedAt });
  expect((await store.rollouts.find(rolloutId))?.releasedAt).not.toBeNull();
  expect(await told(batchId)).toBe(1);
});

test('a batch that is gone keeps no rollout open', async () => {
  const { batchId, rolloutId, request } = await judged();
  await client.workflow.getHandle(batchWorkflowId(batchId)).terminate('as a test asks');
  await close(
    depsWith(() => Promise.resolve()),
    request,
    scopeOf('own'),
  );
  expect((await store.rollouts.find(rolloutId))?.releasedAt).not.toBeNull();
});

test("another workflow's run closes nothing and tells nobody", async () => {
  const { batchId, rolloutId, request } = await judged();
  const failure = { class: 'invalid_request', message: 'it belongs to another' } as const;
  const refused = { ...request, failure, evaluation: null };
  const outcome = await close(
    depsWith(() => Promise.resolve()),
    refused,
    scopeOf('another'),
  );
  expect(outcome).toMatchObject({ status: 'failed', reward: null, failure });
  expect(await store.rollouts.find(rolloutId)).toMatchObject({ status: 'evaluating', closedAt: null });
  expect(await told(batchId)).toBe(0);
});
