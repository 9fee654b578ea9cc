import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { pino } from 'pino';
import { ulid } from 'ulid';
import { wakeBatch } from '../src/activities/batch-steering.ts';
import type { Activities } from '../src/activities/index.ts';
import { storageArguments } from '../src/embedded/temporal.ts';
import { batchWorkflowId, rolloutWorkflowId, taskQueue } from '../src/model/ids.ts';
import { prepareTemporal } from '../src/roles/temporal-setup.ts';
import { installTemporalLogger } from '../src/roles/worker.ts';
import { openEmbeddedDatabase } from '../src/store/embedded-database.ts';
import { fileBlobs } from '../src/store/file-blobs.ts';
import { createStore, type Store } from '../src/store/store.ts';
import { dockerSubject } from '../test/contract/docker-subject.ts';
import { newBatch } from '../test/support/batch.ts';
import { readyDeployment } from '../test/support/deployment.ts';
import { idleRollouts } from '../test/support/idle-rollouts.ts';
import { eventually } from '../test/support/project.ts';
import { startTemporal } from '../test/support/temporal.ts';
import { workflowBundle } from '../test/support/workflows.ts';
import { historiesOf, perRollout, type Point, pointAt } from './batch-points.ts';
import { inParallel, round, timed } from './figures.ts';

export interface BatchBenchOptions {
  readonly rollouts: number;
  readonly concurrency: number;
  readonly say: (text: string) => void;
}

/** Rollouts that must have ended when memory is looked at. */
const marks = [1000, 5000, 10_000];
/** Of the floor: one in so many of the batch's rollouts. */
const floorShare = 10;

/**
 * A batch whose rollouts do nothing, on the embedded store and a Temporal server as `harbor up` starts it, both on disk. The
 * floor: the same workflows started straight by a client, without a batch, and without rows in the store.
 */
export async function benchBatch({ rollouts, concurrency, say }: BatchBenchOptions): Promise<object> {
  await using held = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'harbor-bench-'));
  held.defer(() => rm(folder, { recursive: true, force: true }));
  installTemporalLogger(pino({ level: 'silent' }));
  await mkdir(join(folder, 'temporal'));
  const temporal = await startTemporal(storageArguments(join(folder, 'temporal', 'temporal.db')));
  held.defer(() => temporal.stop());
  const connection = await NativeConnection.connect({ address: temporal.address });
  held.defer(() => connection.close());
  const client = new Client({ connection });
  await prepareTemporal(client);
  const db = await openEmbeddedDatabase(join(folder, 'store'));
  held.defer(() => db.destroy());
  const store = createStore(db, fileBlobs(join(folder, 'blobs')));
  const subject = await dockerSubject();
  held.defer(() => subject.close([]));

  const watched = { temporalPid: temporal.pid, store: join(folder, 'store'), temporal: join(folder, 'temporal') };
  const points: Point[] = [];
  let since = performance.now();
  const look = async () => void points.push(await pointAt(ended, since, watched));
  let ended = 0;
  const { all } = idleRollouts({ store, client, provider: subject.provider });
  const activities: Partial<Activities> = {
    ...all,
    async close(request) {
      const outcome = await all.close(request);
      ended += 1;
      if (marks.includes(ended)) await look();
      if (ended % 500 === 0) say(`${ended} of ${rollouts} have ended`);
      return outcome;
    },
  };
  const worker = await Worker.create({
    connection,
    taskQueue,
    workflowBundle,
    activities,
    maxCachedWorkflows: 300,
    maxConcurrentActivityTaskExecutions: concurrency + 50,
  });
  return await worker.runUntil(async () => {
    const started = Math.ceil(rollouts / floorShare);
    const floorSeconds = await timed(() =>
      inParallel(started, concurrency, (index) =>
        client.workflow.execute('rollout', {
          taskQueue,
          workflowId: rolloutWorkflowId(`floor-${index}`),
          args: [{ rollout_id: `floor-${index}` }],
        }),
      ),
    );
    ended = 0;
    // Where the floor's own rollouts reached a mark.
    points.length = 0;
    const id = await makeBatch(store, rollouts, concurrency);
    since = performance.now();
    await look();
    const seconds = await timed(async () => {
      await wakeBatch(client, id);
      await client.workflow.getHandle(batchWorkflowId(id)).result();
    });
    // A batch is over with its last result; the sandbox behind that result may still be on its way out.
    await eventually('the last sandbox to be gone', async () => ended >= rollouts);
    if (points.at(-1)?.ended !== ended) await look();
    const [first, last] = [points.at(0), points.at(-1)];
    const { scored } = await store.batches.counts(id);
    if (scored !== rollouts) throw new Error(`${scored} of ${rollouts} rollouts have a reward`);
    const floorPerSecond = started / floorSeconds;
    return {
      rollouts,
      concurrency,
      seconds: round(seconds),
      rolloutsPerSecond: round(rollouts / seconds),
      floorPerSecond: round(floorPerSecond),
      floorRatio: round(rollouts / seconds / floorPerSecond),
      histories: {
        batch: await historiesOf(client, `WorkflowId = "${batchWorkflowId(id)}"`),
        rollout: await historiesOf(client, `WorkflowType = "rollout" and HarborBatch = "${id}"`),
      },
      perRollout: first && last ? perRollout(first, last) : {},
      points,
    };
  });
}

async function makeBatch(store: Store, rollouts: number, concurrency: number): Promise<string> {
  const deployment = await readyDeployment(store, { name: 'env' });
  const { id } = await newBatch(store, deployment, ulid(), {
    plan: { seeds: { from: 0, count: rollouts } },
    concurrency,
  });
  return id;
}
