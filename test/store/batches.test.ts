import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newBatch } from '../support/batch.ts';
import { readyDeployment } from '../support/deployment.ts';
import { openTestStore, type TestStore } from '../support/store.ts';

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore();
});
afterAll(() => store.close());

test('no batch has more than a thousand rollouts open, whatever its row says', async () => {
  const deployment = await readyDeployment(store, { name: 'env' });
  const plan = { seeds: { from: 0, count: 3000 } };
  const { id } = await newBatch(store, deployment, randomUUID(), { plan, concurrency: 10_000 });
  expect(await store.batches.turn(id, 5000)).toMatchObject({ open: 1000, batch: { cursor: 1000 } });
  expect(await store.batches.turn(id, 5000)).toMatchObject({ open: 1000, begun: [] });
});
