import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { fileBlobs } from '../../src/store/file-blobs.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openPostgresDatabase } from '../../src/store/postgres-database.ts';
import { createStore, type Store } from '../../src/store/store.ts';
import type { Db } from '../../src/store/database.ts';
import { readyDeployment } from '../support/deployment.ts';
import { createDatabase, startPostgres } from '../support/postgres.ts';
import { eventually } from '../support/project.ts';
import { type RoleProcess, startRole } from '../support/roles.ts';
import { endRollout, roomFor, run } from '../support/rollout.ts';
import { startTemporal } from '../support/temporal.ts';

const apiKey = `harbor_${randomBytes(12).toString('hex')}`;
const held = new AsyncDisposableStack();
let home: string;
let settings: Record<string, string>;
let db: Db;
let store: Store;
let survivor: RoleProcess;

const startApi = () => startRole('api', home, settings);

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'harbor-attaching-'));
  held.defer(() => rm(home, { recursive: true, force: true }));
  const [postgres, temporal] = await Promise.all([startPostgres(), startTemporal()]);
  held.defer(() => postgres.remove());
  held.defer(() => temporal.stop());
  const url = await createDatabase(postgres.folder);
  db = openPostgresDatabase({ url, onBroken: () => {} });
  held.defer(() => db.destroy());
  await migrate(db);
  store = createStore(db, fileBlobs(join(home, 'blobs')));
  settings = {
    DATABASE_URL: url,
    TEMPORAL_ADDRESS: temporal.address,
    HARBOR_SECRET: randomBytes(32).toString('hex'),
    HARBOR_API_KEY: apiKey,
  };
  survivor = await startApi();
  held.defer(() => survivor.end('SIGTERM'));
}, 120_000);
afterAll(() => held.disposeAsync());

const answerSchema = z.object({ id: z.string() });

/** As the existing client asks. */
async function ask(api: RoleProcess, deployment: string): Promise<string> {
  const answer = await fetch(`${api.url}/api/harbor/deployments/${deployment}/rollout`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ trace_correlation_id: 'harbor-cli-s1', env: { seed: 1 } }),
  });
  return answerSchema.parse(await answer.json()).id;
}

const connectionOf = async (id: string) =>
  (await db.selectFrom('unkeyedRequests').select('connection').where('id', '=', id).executeTakeFirst())?.connection;

/** A rollout that somebody waits for at this process; the wait is over when the process is. */
async function waitedFor(
  api: RoleProcess,
  name: string,
): Promise<{ id: string; deploymentId: string; cut: Promise<void> }> {
  const { id: deploymentId } = await readyDeployment(store, { name, facts: { hasRunRollout: true } });
  const cut = ask(api, name).then(
    () => raise(),
    () => {},
  );
  const id = await eventually('the rollout', async () => (await rolloutsOf(deploymentId))[0]);
  return { id, deploymentId, cut };
}

const rolloutsOf = async (deploymentId: string) =>
  (await store.rollouts.list('default', { limit: 10, offset: 0, deploymentId })).map(({ id }) => id);

function raise(): never {
  throw new Error('nobody answered');
}

async function end(id: string): Promise<void> {
  await store.rollouts.admit(id, run(id), roomFor(10));
  await endRollout(store, id);
}

test('a repeat at another process, as soon as the first one was killed, gets the rollout that runs', async () => {
  const victim = await startApi();
  const { id, deploymentId, cut } = await waitedFor(victim, 'killed');
  const before = await connectionOf(id);
  await victim.end('SIGKILL');
  await cut;
  const repeats = [ask(survivor, 'killed'), ask(survivor, 'killed')];
  await eventually('one of two to be attached', async () => (await connectionOf(id)) !== before);
  const all = await eventually('the other’s own', async () => {
    const ids = await rolloutsOf(deploymentId);
    return ids.length === 2 && ids;
  });
  for (const one of all) await end(one);
  expect((await Promise.all(repeats)).toSorted()).toEqual(all.toSorted());
});

test('a result that nobody was there for, since the process was killed, is there for the repeat', async () => {
  const victim = await startApi();
  const { id, deploymentId, cut } = await waitedFor(victim, 'ended');
  await victim.end('SIGKILL');
  await cut;
  await end(id);
  expect(await ask(survivor, 'ended')).toBe(id);
  expect(await rolloutsOf(deploymentId)).toEqual([id]);
});

test('a process that ends in good order gives back what its connections waited for', async () => {
  const victim = await startApi();
  const { id, deploymentId, cut } = await waitedFor(victim, 'stopped');
  await victim.end('SIGTERM');
  await cut;
  expect(await connectionOf(id)).toBeNull();
  const repeat = ask(survivor, 'stopped');
  await eventually('the repeat to be attached', async () => (await connectionOf(id)) !== null);
  await end(id);
  expect(await repeat).toBe(id);
  expect(await rolloutsOf(deploymentId)).toEqual([id]);
});
