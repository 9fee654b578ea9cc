import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { asksOnce } from '../support/asks-once.ts';
import { removeEverything } from '../support/engine.ts';
import { createDatabase, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { deploy, eventually } from '../support/project.ts';
import { ended, rollOut, start } from '../support/running.ts';
import { scrape } from '../support/scrape.ts';
import { disposeServer, makeHome, startServer, type TestServer } from '../support/server.ts';

let postgres: TestPostgres;
let settings: Record<string, string>;
let server: TestServer;

const earned = {
  status: 'completed',
  failure: null,
  attempt: 1,
  reward_info: { outcome_reward: 1 },
  usage: { llm_calls: 1 },
};

beforeAll(async () => {
  postgres = await startPostgres();
  settings = { DATABASE_URL: await createDatabase(postgres.folder) };
  server = await startServer(await makeHome(), settings);
  await deploy(server, asksOnce.deployment, asksOnce.files);
}, 300_000);

afterAll(async () => {
  await disposeServer(server);
  await removeEverything(server.installation.id);
  await postgres.remove();
}, 120_000);

test('`harbor up` on a Postgres makes its tables, and carries a rollout', async () => {
  expect(await rollOut(server, 'asks-once', { rollout_id: 'ends-well', env: { seed: 1 } })).toMatchObject(earned);
  // The embedded database's folder is not there beside the one that was given.
  expect(await readdir(server.home)).not.toContain('store');
});

test('its metrics are those of all roles, with no id and no secret in them', async () => {
  const completed = { status: 'completed', failure_class: 'none', fault: 'none' };
  await eventually('figures of the store', async () => {
    const scraped = await scrape(server.metrics);
    return scraped.sum('harbor_rollouts', completed) === 1 && scraped.sum('harbor_attempts') === 1;
  });
  const scraped = await scrape(server.metrics);
  expect(scraped.sum('harbor_store_figures_up')).toBe(1);
  const accepted = { route: '/api/harbor/deployments/:key/rollout', method: 'POST', status: '2xx' };
  expect(scraped.sum('harbor_http_request_seconds_count', accepted)).toBe(1);
  expect(scraped.sum('harbor_rollouts_closed_total', completed)).toBe(1);
  expect(scraped.sum('harbor_activity_seconds_count', { activity: 'runAgent', outcome: 'ok' })).toBe(1);
  expect(scraped.sum('harbor_capacity', { kind: 'running' })).toBeGreaterThan(0);
  expect(scraped.sum('harbor_llm_calls_total', { upstream: 'scripted', status: 'ok', http: '2xx' })).toBe(1);
  expect(scraped.sum('harbor_interceptor_up')).toBe(1);
  expect(scraped.sum('process_resident_memory_bytes')).toBeGreaterThan(0);
  for (const word of ['ends-well', 'asks-once', server.apiKey, server.installation.secret])
    expect(scraped.text).not.toContain(word);
});

test('a rollout goes on where it was when `up` is killed and started again', { timeout: 180_000 }, async () => {
  const id = await start(server, 'asks-once', { rollout_id: 'goes-on', env: { seed: 1500 } });
  await eventually('its call', async () => (await server.client.rollout(id)).usage.llm_calls > 0);
  await server.kill('SIGKILL');
  server = await startServer(server.home, settings);
  expect(await ended(server, id)).toMatchObject(earned);
  expect((await server.client.rollouts({})).map((rollout) => rollout.id).toSorted()).toEqual(['ends-well', 'goes-on']);
});
