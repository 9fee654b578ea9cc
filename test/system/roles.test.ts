import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { agentRegistry } from '../../src/agents/registry.ts';
import { readRoleInstallation } from '../../src/roles/role.ts';
import { HarborClient } from '../../src/sdk/client.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openPostgresDatabase } from '../../src/store/postgres-database.ts';
import { freePort } from '../embedded/support/temporary.ts';
import { containersOf, removeEverything } from '../support/engine.ts';
import { createDatabase, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { eventually } from '../support/project.ts';
import { packContext } from '../../src/sdk/pack-context.ts';
import { type RoleProcess, startRole } from '../support/roles.ts';
import { startTemporal, type TestTemporal } from '../support/temporal.ts';

const example = fileURLToPath(new URL('../../examples/fix-the-bugs', import.meta.url));
const secret = randomBytes(32).toString('hex');
const { id: installation } = readRoleInstallation({ HARBOR_SECRET: secret });
const apiKey = `harbor_${randomBytes(12).toString('hex')}`;

const codex = { config: { agent: 'codex', model: agentRegistry.byName('codex')?.defaultModel ?? '' } };
const earned = {
  status: 'completed',
  failure: null,
  attempt: 1,
  reward_info: { outcome_reward: 1 },
  usage: { llm_calls: 5 },
};

let home: string;
let postgres: TestPostgres;
let temporal: TestTemporal;
let settings: Record<string, string>;
const running: RoleProcess[] = [];
let apis: RoleProcess[];
let workers: RoleProcess[];
let interceptors: RoleProcess[];

async function start(role: string, more: Readonly<Record<string, string>> = {}): Promise<RoleProcess> {
  const started = await startRole(role, home, { ...settings, ...more });
  running.push(started);
  return started;
}

const startInterceptor = (n: number) =>
  start('interceptor', { HARBOR_INTERCEPTOR_DIR: join(home, `interceptor-${n}`) });

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'harbor-roles-'));
  [postgres, temporal] = await Promise.all([startPostgres(), startTemporal()]);
  settings = {
    DATABASE_URL: await createDatabase(postgres.folder),
    TEMPORAL_ADDRESS: temporal.address,
    HARBOR_SECRET: secret,
    HARBOR_API_KEY: apiKey,
    HARBOR_INTERCEPTOR_PORT: String(await freePort()),
  };
}, 300_000);

afterAll(async () => {
  await Promise.all(running.map((role) => role.end('SIGTERM')));
  await temporal.stop();
  await postgres.remove();
  await removeEverything(installation);
  await rm(home, { recursive: true, force: true });
}, 300_000);

const clientOf = (api: RoleProcess | undefined) => new HarborClient({ url: api?.url ?? '', apiKey });

async function finished(client: HarborClient, id: string) {
  return eventually(
    `rollout ${id} to end`,
    async () => {
      const rollout = await client.rollout(id).catch(() => undefined);
      return rollout !== undefined && rollout.closed_at !== null && rollout;
    },
    240,
  );
}

test('no process starts on a store that lacks tables, and says what to do', async () => {
  for (const role of ['api', 'worker', 'interceptor']) {
    await expect(start(role)).rejects.toThrow('Run `harbor migrate` first');
  }
});

test('two of each carry rollouts of the real agent, and each api shows the other’s', { timeout: 300_000 }, async () => {
  const db = openPostgresDatabase({ url: settings['DATABASE_URL'] ?? '', onBroken: () => {} });
  await migrate(db);
  await db.destroy();
  interceptors = [await startInterceptor(1), await startInterceptor(2)];
  workers = [await start('worker'), await start('worker')];
  apis = [await start('api'), await start('api')];
  for (const { url } of [...apis, ...workers, ...interceptors]) {
    await eventually(`${url} to be ready`, async () => (await fetch(`${url}/readyz`)).ok);
  }
  const [first, second] = apis.map(clientOf);
  if (!first || !second) throw new Error('there are two');
  await using context = await packContext(example);
  const { id } = await first.upload({ name: 'fix-the-bugs' }, context.file);
  await eventually('the snapshot', async () => (await second.status(id)).status === 'ready', 120);
  await first.startRollout('fix-the-bugs', { rollout_id: 'by-first', env: { seed: 2 }, policy: codex });
  await second.startRollout('fix-the-bugs', { rollout_id: 'by-second', env: { seed: 2 }, policy: codex });
  for (const rollout of [await finished(second, 'by-first'), await finished(first, 'by-second')]) {
    expect(rollout).toMatchObject(earned);
  }
});

test(
  'rollouts survive the death of an api, a worker and an interceptor’s supervisor',
  { timeout: 400_000 },
  async () => {
    const second = clientOf(apis[1]);
    await clientOf(apis[0]).startRollout('fix-the-bugs', { rollout_id: 'killed', env: { seed: 2 }, policy: codex });
    await eventually('the first call', async () => (await second.rollout('killed')).usage.llm_calls > 0, 120);
    for (const role of [apis[0], workers[0], interceptors[0]]) await role?.end('SIGKILL');
    const restarted = await startInterceptor(1);
    await start('worker');
    expect(await finished(second, 'killed')).toMatchObject(earned);
    await eventually('the supervisor to be well', async () => (await fetch(`${restarted.url}/readyz`)).ok);
  },
);

test('nothing is lost while Postgres is restarted', { timeout: 400_000 }, async () => {
  const second = clientOf(apis[1]);
  await second.startRollout('fix-the-bugs', { rollout_id: 'restarted', env: { seed: 2 }, policy: codex });
  await eventually('the first call', async () => (await second.rollout('restarted')).usage.llm_calls > 0, 120);
  await postgres.stop();
  await postgres.start();
  expect(await finished(second, 'restarted')).toMatchObject(earned);
  await eventually('all sandboxes to be gone', async () => (await containersOf(installation)).length === 0);
});
