import { once } from 'node:events';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { agentRegistry } from '../../src/agents/registry.ts';
import { createApi } from '../../src/api/app.ts';
import { waitForEnd } from '../../src/api/rollout-wait.ts';
import { isOutage } from '../../src/model/outage.ts';
import { fileBlobs } from '../../src/store/file-blobs.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openPostgresDatabase } from '../../src/store/postgres-database.ts';
import { createStore, type Store } from '../../src/store/store.ts';
import { useApi } from '../support/api.ts';
import { readyDeployment } from '../support/deployment.ts';
import { createDatabase, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { earnedOne, insertRollout, roomFor } from '../support/rollout.ts';

const api = useApi();
const key = 'a-key-that-is-long-enough';
const held = new AsyncDisposableStack();
let postgres: TestPostgres;
let store: Store;

beforeAll(async () => {
  postgres = await startPostgres();
  held.defer(() => postgres.remove());
  const url = await createDatabase(postgres.folder);
  const db = openPostgresDatabase({ url, patienceMs: 0, onBroken: () => {} });
  held.defer(() => db.destroy());
  await migrate(db);
  store = createStore(db, fileBlobs(tmpdir()));
  await store.apiKeys.add(key, 'default', 'first');
});
afterAll(() => held.disposeAsync());

const deps = () => ({
  store,
  agents: agentRegistry,
  client: api().temporal,
  capacity: roomFor(10),
  uploadsFolder: tmpdir(),
  logger: pino({ level: 'silent' }),
});

test('a request that the database is away for gets 503 and when to come again, then its answer', async () => {
  const server = createServer(createApi(deps())).listen(0, '127.0.0.1');
  await once(server, 'listening');
  held.defer(async () => void server.close());
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/api/harbor/rollouts`;
  const ask = () => fetch(url, { headers: { authorization: `Bearer ${key}`, connection: 'close' } });
  await postgres.stop();
  const refused = await ask();
  await postgres.start();
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('2');
  expect(await refused.json()).toMatchObject({ code: 'unavailable' });
  expect((await ask()).status).toBe(200);
});

test('who waits for the end of a rollout goes on waiting while the database is away', async () => {
  const deployment = await readyDeployment(store, { name: 'env' });
  await insertRollout(store, deployment, 'r1');
  await postgres.stop();
  const end = waitForEnd(deps(), 'r1', new AbortController().signal);
  await expect(store.rollouts.find('r1')).rejects.toSatisfy(isOutage);
  await postgres.start();
  await store.rollouts.close('r1', 'run', 'completed', earnedOne);
  expect(await end).toMatchObject({ id: 'r1', status: 'completed' });
});
