import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { Client, Connection } from '@temporalio/client';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ActivityScope } from '../../src/activities/activity.ts';
import type { ActivityDeps } from '../../src/activities/deps.ts';
import { reconcile, sweep } from '../../src/activities/maintenance.ts';
import { rolloutRequestSchema } from '../../src/model/rollout.ts';
import { removeUsedSandboxes } from '../../src/roles/sandboxes-at-rest.ts';
import { dockerSubject, type DockerSubject } from '../contract/docker-subject.ts';
import { readyDeployment } from '../support/deployment.ts';
import { endRollout, insertRollout, roomFor } from '../support/rollout.ts';
import { openTestStore, type TestStore } from '../support/store.ts';
import { startTemporal } from '../support/temporal.ts';
import { activityDeps } from '../support/activity-deps.ts';

const scope: ActivityScope = {
  signal: new AbortController().signal,
  workflowRunId: 'maintenance',
  scheduledAt: new Date(),
  taskQueue: 'harbor',
  workflowId: 'maintenance',
  activityId: '1',
  activityTry: 1,
  report: () => undefined,
};
function emptyTar(): Promise<Readable> {
  const tar = pack();
  tar.finalize();
  return Promise.resolve(Readable.from(tar));
}

/** Container names are one space for the whole machine. */
const id = (name: string): string => `${name}-${run}`;
const later = (minutes: number): number => Date.now() + minutes * 60_000;

let store: TestStore;
let client: Client;
let subject: DockerSubject;
let deps: ActivityDeps;
let stopTemporal: () => Promise<void>;
const revoked: string[] = [];
const run = randomUUID().slice(0, 8);
const snapshot = `maintenance-${run}`;

beforeAll(async () => {
  const { signal } = scope;
  const temporal = await startTemporal();
  stopTemporal = () => temporal.stop();
  client = new Client({ connection: await Connection.connect({ address: temporal.address }) });
  store = await openTestStore();
  subject = await dockerSubject();
  await readyDeployment(store, { name: 'env' });
  await subject.provider.ensureSnapshot({
    name: snapshot,
    dockerfile: `FROM ${subject.baseImage}\n`,
    context: emptyTar,
    force: false,
    onLog: () => undefined,
    signal,
  });
  deps = activityDeps(
    { store, client, provider: subject.provider },
    {
      revoke: (rolloutId, attempt) => {
        revoked.push(`${rolloutId}.${attempt}`);
        return Promise.resolve();
      },
    },
  );
});

afterAll(async () => {
  await subject.close([snapshot]);
  await client.connection.close();
  await stopTemporal();
  await store.close();
});

async function insertOne(rolloutId: string): Promise<void> {
  const deployment = await store.deployments.find('default', 'env');
  if (!deployment) throw new Error('no deployment');
  await insertRollout(store, deployment, rolloutId, {
    request: rolloutRequestSchema.parse({
      env: { seed: 1 },
      policy: { config: { model: 'gpt-5-mini' } },
      prompt_template: { sections: [{ content: 'x' }] },
    }),
  });
}

/** A rollout that is at work in its first attempt, in a workflow that no worker of this test carries on. */
async function rolloutAtWork(rolloutId: string, workflowId = `rollout/${rolloutId}`) {
  await insertOne(rolloutId);
  const handle = await client.workflow.start('rollout', {
    taskQueue: 'nobody',
    workflowId,
    args: [{}],
  });
  await store.rollouts.admit(rolloutId, { workflowId, workflowRunId: handle.firstExecutionRunId }, roomFor(8));
  await store.attempts.begin(rolloutId, 1, `harbor-${rolloutId}-a1-agent`);
  await store.rollouts.enter(rolloutId, handle.firstExecutionRunId, 'running', 1);
  return handle;
}

async function sandboxOf(rolloutId: string, attempt: number): Promise<string> {
  const name = `harbor-${rolloutId}-a${attempt}-agent`;
  await subject.provider.create({
    name,
    snapshot,
    labels: { 'harbor.rollout': rolloutId, 'harbor.attempt': String(attempt) },
    env: {},
    cpuCores: 1,
    memoryMb: 512,
    diskMb: 1024,
    egress: 'none',
    toolboxes: [],
    files: [],
    signal: scope.signal,
  });
  return name;
}

const names = async () => (await subject.provider.list(scope.signal)).map(({ name }) => name).toSorted();

describe('the reconciler', () => {
  test('leaves a rollout alone whose workflow runs', async () => {
    const handle = await rolloutAtWork(id('runs'));
    await reconcile(deps, scope, later(5));
    expect(await store.rollouts.find(id('runs'))).toMatchObject({ status: 'running', closedAt: null });
    await handle.terminate();
    await reconcile(deps, scope, later(5));
  });

  test('finds the workflow of one that somebody started under an id of its own', async () => {
    const handle = await rolloutAtWork(id('foreign'), id('my-own-workflow'));
    await reconcile(deps, scope, later(5));
    expect(await store.rollouts.find(id('foreign'))).toMatchObject({ status: 'running', closedAt: null });
    await handle.terminate();
    await reconcile(deps, scope, later(5));
    expect(await store.rollouts.find(id('foreign'))).toMatchObject({ status: 'cancelled' });
  });

  test('closes one that was terminated as cancelled, and ends what it held', async () => {
    const handle = await rolloutAtWork(id('terminated'));
    await sandboxOf(id('terminated'), 1);
    await handle.terminate('by hand');
    await reconcile(deps, scope, later(5));
    expect(await store.rollouts.find(id('terminated'))).toMatchObject({
      status: 'cancelled',
      failureClass: 'cancelled',
      reward: null,
      result: { failure: { message: "the rollout's workflow was terminated" } },
    });
    expect((await store.rollouts.find(id('terminated')))?.releasedAt).not.toBeNull();
    expect(revoked).toContain(`${id('terminated')}.1`);
    expect(await names()).toEqual([]);
  });

  test('closes one whose workflow Temporal does not know as our own failure', async () => {
    await insertOne(id('vanished'));
    await reconcile(deps, scope, later(5));
    expect(await store.rollouts.find(id('vanished'))).toMatchObject({
      status: 'failed',
      failureClass: 'internal',
      reward: null,
    });
  });

  test('gives one that was just made the time to start', async () => {
    await insertOne(id('young'));
    await reconcile(deps, scope);
    expect(await store.rollouts.find(id('young'))).toMatchObject({ status: 'queued', closedAt: null });
    await reconcile(deps, scope, later(5));
  });
});

describe('the sweeper', () => {
  test('removes what no open rollout owns, once it is old, and nothing else', async () => {
    const handle = await rolloutAtWork(id('alive'));
    await rolloutAtWork(id('over'));
    const alive = await sandboxOf(id('alive'), 1);
    const earlier = await sandboxOf(id('over'), 1);
    await store.attempts.end(id('over'), 1, null);
    const nobodys = await sandboxOf(id('unknown'), 1);
    await sweep(deps, scope, later(9));
    expect(await names()).toEqual([alive, earlier, nobodys].toSorted());
    await sweep(deps, scope, later(11));
    expect(await names()).toEqual([alive]);
    await handle.terminate();
    await reconcile(deps, scope, later(5));
    expect(await names()).toEqual([]);
  });
});

describe('a server that stops', () => {
  test('removes what rollouts that are closed still have, and leaves the others theirs', async () => {
    const handle = await rolloutAtWork(id('open'));
    await rolloutAtWork(id('closed'));
    const open = await sandboxOf(id('open'), 1);
    await sandboxOf(id('closed'), 1);
    await endRollout(store, id('closed'));
    expect(await removeUsedSandboxes({ ...deps, provider: subject.provider })).toBe(1);
    expect(await names()).toEqual([open]);
    await handle.terminate();
    await reconcile(deps, scope, later(5));
  });
});
