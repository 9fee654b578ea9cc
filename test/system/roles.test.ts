import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { agentRegistry } from '../../src/agents/registry.ts';
import { mintToken } from '../../src/interceptor/tokens.ts';
import { parseJson } from '../../src/model/json.ts';
import { readRoleInstallation } from '../../src/roles/role.ts';
import { HarborClient } from '../../src/sdk/client.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openPostgresDatabase } from '../../src/store/postgres-database.ts';
import { freePort } from '../embedded/support/temporary.ts';
import { containersOf, removeEverything } from '../support/engine.ts';
import { createDatabase, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { eventually } from '../support/project.ts';
import { readCompose } from '../support/compose.ts';
import { packContext } from '../../src/sdk/pack-context.ts';
import { type RoleProcess, startRole } from '../support/roles.ts';
import { scrape, type Scrape } from '../support/scrape.ts';
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

const logLineSchema = z.looseObject({ level: z.int(), time: z.string(), role: z.string(), msg: z.string() });

let home: string;
let postgres: TestPostgres;
let temporal: TestTemporal;
let settings: Record<string, string>;
/** Containers have ports of their own, these processes share the machine's. */
let onOneMachine: Record<string, string>;
const running: RoleProcess[] = [];
let apis: RoleProcess[];
let workers: RoleProcess[];
let interceptors: RoleProcess[];

async function start(role: string, more: Readonly<Record<string, string>> = {}): Promise<RoleProcess> {
  const started = await startRole(role, home, { ...(await asComposed(role)), ...onOneMachine, ...more });
  running.push(started);
  return started;
}

/** What docker-compose.yml gives a role, by the same names and in files where it does so; and nothing that it does not. */
async function asComposed(role: string): Promise<Record<string, string>> {
  const given: Record<string, string> = {};
  for (const name of Object.keys((await readCompose())[role]?.environment ?? {})) {
    const variable = name.replace(/_FILE$/, '');
    const value = settings[variable];
    if (value === undefined) continue;
    given[name] = name === variable ? value : join(home, `secret-${variable}`);
    if (name !== variable) await writeFile(join(home, `secret-${variable}`), `${value}\n`);
  }
  return given;
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
  };
  onOneMachine = {
    HARBOR_INTERCEPTOR_PORT: String(await freePort()),
    HARBOR_HEALTH_PORT: '0',
    HARBOR_LOG_LEVEL: 'info',
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

/** One figure over all processes of a role. */
async function sumOf(roles: readonly RoleProcess[], name: string, labels?: Readonly<Record<string, string>>) {
  const scraped: Scrape[] = await Promise.all(roles.map(({ metrics }) => scrape(metrics)));
  return scraped.reduce((sum, one) => sum + one.sum(name, labels), 0);
}

test('each says in figures what happened, with no id and no secret in them', { timeout: 120_000 }, async () => {
  const completed = { status: 'completed', failure_class: 'none', fault: 'none' };
  for (const api of apis) {
    // An attempt ends with its sandbox, a little after its rollout; figures may be some seconds old.
    await eventually('the end of both attempts', async () => (await sumOf([api], 'harbor_attempts')) === 2);
    expect(await sumOf([api], 'harbor_attempts', { failure_class: 'none' })).toBe(2);
    expect(await sumOf([api], 'harbor_rollouts', completed)).toBe(2);
    expect(await sumOf([api], 'harbor_builds', { status: 'completed' })).toBe(1);
  }
  const accepted = { route: '/api/harbor/deployments/:key/rollout', method: 'POST', status: '2xx' };
  expect(await sumOf(apis, 'harbor_http_request_seconds_count', accepted)).toBe(2);

  expect(await sumOf(workers, 'harbor_rollouts_closed_total', { ...completed, agent: 'codex' })).toBe(2);
  expect(await sumOf(workers, 'harbor_rollout_seconds_count', { stage: 'queued' })).toBe(2);
  expect(await sumOf(workers, 'harbor_activity_seconds_count', { activity: 'runAgent', outcome: 'ok' })).toBe(2);
  expect(await sumOf(workers, 'harbor_activity_seconds_count', { activity: 'prepareBuild', outcome: 'ok' })).toBe(1);
  await eventually(
    'the workers to be idle',
    async () => (await sumOf(workers, 'harbor_worker_slots', { state: 'used' })) === 0,
  );
  expect(await sumOf(workers, 'harbor_activities_running')).toBe(0);

  const called = { upstream: 'scripted', status: 'ok', http: '2xx' };
  expect(await sumOf(interceptors, 'harbor_llm_calls_total', called)).toBe(10);
  expect(await sumOf(interceptors, 'harbor_llm_time_to_first_byte_seconds_count')).toBe(10);
  expect(await sumOf(interceptors, 'harbor_llm_tokens_total', { kind: 'input' })).toBeGreaterThan(0);
  expect(await sumOf(interceptors, 'harbor_interceptor_up')).toBe(2);
  expect(await sumOf(interceptors, 'harbor_interceptor_memory_bytes')).toBeGreaterThan(0);
  expect(await sumOf(interceptors, 'harbor_llm_calls_open')).toBe(0);

  for (const { metrics } of [...apis, ...workers, ...interceptors]) {
    const scraped = await scrape(metrics);
    expect(scraped.sum('process_resident_memory_bytes')).toBeGreaterThan(0);
    expect(scraped.text).not.toMatch(/by-first|by-second|fix-the-bugs/);
    for (const word of [secret, apiKey]) expect(scraped.text).not.toContain(word);
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
  expect(await sumOf(interceptors.slice(1), 'harbor_store_outage_seconds_total')).toBeGreaterThan(0);
  await eventually('all sandboxes to be gone', async () => (await containersOf(installation)).length === 0);
});

test('all of them log in lines of JSON, workers with the ids of rollouts, and nothing secret', () => {
  const token = mintToken(secret, 'by-first', 1);
  for (const role of running) {
    const said = role.said();
    const lines = said.split('\n').filter((line) => line !== '');
    for (const line of lines) expect(parseJson(line, logLineSchema)).toBeDefined();
    for (const word of [secret, apiKey, token]) expect(said).not.toContain(word);
  }
  const told = workers.map((worker) => worker.said()).join('\n');
  for (const activity of ['provision', 'runAgent', 'evaluate', 'close']) {
    expect(told).toContain(`"rollout":"by-second","activity":"${activity}","try":1,"outcome":"ok"`);
  }
});
