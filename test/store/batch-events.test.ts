import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { DeploymentRow } from '../../src/store/deployments.ts';
import { newBatch } from '../support/batch.ts';
import { readyDeployment } from '../support/deployment.ts';
import { earnedOne, endRollout, insertRollout, roomFor, run } from '../support/rollout.ts';
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

const told = async (after = 0) => store.batches.events(id, after, 1000);
const places = async () => (await told()).map(({ seq }) => seq);
const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);
const place = (cell: number) => store.rollouts.admit(`${id}-${cell}`, run(`run-${cell}`), roomFor(1000));

describe('the events of a batch', () => {
  test('are its own changes and those of its rollouts, each once, in order', async () => {
    await newBatch(store, deployment, id, { concurrency: 1, plan: { seeds: { list: [7] }, samples: 2 } });
    await store.batches.turn(id, 9);
    await place(0);
    await place(0);
    await store.rollouts.enter(`${id}-0`, 'run-0', 'running', 1);
    await store.rollouts.enter(`${id}-0`, 'run-0', 'running', 1);
    await endRollout(store, `${id}-0`, {
      ...earnedOne,
      reward: null,
      failure: { class: 'sandbox_lost', message: 'gone' },
    });
    await store.batches.setConcurrency(id, 3);
    await store.batches.turn(id, 9);
    await endRollout(store, `${id}-1`);
    await store.batches.turn(id, 9);
    await store.batches.turn(id, 9);
    const first = { rolloutId: `${id}-0`, cell: 0, generation: 1, seed: 7, sample: 0, policy: 0 };
    const second = { ...first, rolloutId: `${id}-1`, cell: 1, sample: 1 };
    expect(await told()).toMatchObject([
      { seq: 1, rolloutId: null, status: 'running', stopReason: null, concurrency: 1, total: 2 },
      { seq: 2, ...first, status: 'queued', attempt: 0 },
      { seq: 3, ...first, status: 'provisioning', attempt: 1 },
      { seq: 4, ...first, status: 'running', attempt: 1 },
      { seq: 5, ...first, status: 'failed', reward: null, failureClass: 'sandbox_lost' },
      { seq: 6, rolloutId: null, status: 'running', concurrency: 3 },
      { seq: 7, ...second, status: 'queued' },
      { seq: 8, ...second, status: 'completed', reward: 1, failureClass: null },
      { seq: 9, rolloutId: null, status: 'completed', concurrency: 3 },
    ]);
  });

  test('are listed from any place on', async () => {
    await newBatch(store, deployment, id);
    await store.batches.turn(id, 9);
    expect((await store.batches.events(id, 1, 1)).map(({ seq }) => seq)).toEqual([2]);
    expect(await told(3)).toEqual([]);
  });

  test('of many writers at once have places without a gap, each seen after all before it', async () => {
    await newBatch(store, deployment, id, { concurrency: 40, plan: { seeds: { from: 0, count: 40 } } });
    await store.batches.turn(id, 40);
    const over = new AbortController();
    const seen: number[] = [];
    const reader = (async () => {
      while (!over.signal.aborted) seen.push(...(await told(seen.at(-1) ?? 0)).map(({ seq }) => seq));
    })();
    await Promise.all(
      Array.from({ length: 40 }, async (_, cell) => {
        await place(cell);
        await store.rollouts.enter(`${id}-${cell}`, `run-${cell}`, 'running', 1);
        await endRollout(store, `${id}-${cell}`);
        if (cell % 8 === 0) await store.batches.setConcurrency(id, cell + 1);
      }),
    );
    over.abort();
    await reader;
    const last = 1 + 40 * 4 + 5;
    expect(await places()).toEqual(upTo(last));
    expect(seen).toEqual(upTo(seen.length));
  });

  test('tell of a pause, of the rule that stopped it, and of the retry that it goes on with', async () => {
    await newBatch(store, deployment, id, { plan: { seeds: { list: [1, 2] }, stop: { failures: 1 } }, concurrency: 1 });
    await store.batches.move(id, ['running'], 'paused');
    await store.batches.move(id, ['running'], 'paused');
    await store.batches.move(id, ['paused'], 'running');
    await store.batches.turn(id, 9);
    await endRollout(store, `${id}-0`, {
      ...earnedOne,
      reward: null,
      failure: { class: 'internal', message: 'broken' },
    });
    await store.batches.turn(id, 9);
    await store.batches.retry(id, {});
    const stopReason = 'stop.failures: 1 rollouts were lost';
    expect((await told()).filter(({ rolloutId }) => rolloutId === null)).toMatchObject([
      { status: 'running', total: 2 },
      { status: 'paused' },
      { status: 'running' },
      { status: 'running', stopReason },
      { status: 'completed', stopReason },
      { status: 'running', stopReason: null, total: 3 },
    ]);
  });

  test('are none of rollouts that belong to no batch', async () => {
    await newBatch(store, deployment, id);
    await insertRollout(store, deployment, `${id}-alone`);
    expect(await places()).toEqual([1]);
  });
});
