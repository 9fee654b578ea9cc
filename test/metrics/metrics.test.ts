import { afterAll, beforeAll, expect, test } from 'vitest';
import { meteredSink } from '../../src/metrics/call-metrics.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { meteredRollouts } from '../../src/metrics/rollout-metrics.ts';
import { measureStore } from '../../src/metrics/store-metrics.ts';
import { callRecord } from '../support/call.ts';
import { readyDeployment } from '../support/deployment.ts';
import { earnedOne, insertRollout, roomFor, run, small } from '../support/rollout.ts';
import { readScrape } from '../support/scrape.ts';
import { openTestStore, type TestStore } from '../support/store.ts';

let store: TestStore;

beforeAll(async () => {
  store = await openTestStore();
});
afterAll(() => store.close());

async function insert(id: string): Promise<void> {
  const deployment = await readyDeployment(store, { name: `env-${id}` });
  await insertRollout(store, deployment, id);
  await store.db.updateTable('rollouts').set(small).where('id', '=', id).execute();
}

test('rollouts are counted from the store, and each closing once', async () => {
  const metrics = createMetrics();
  measureStore(store.figures, metrics);
  const rollouts = meteredRollouts(store.rollouts, metrics);
  for (const id of ['lost', 'running', 'waiting']) await insert(id);
  for (const id of ['lost', 'running']) await store.rollouts.admit(id, run(id), roomFor(2));
  await store.attempts.begin('lost', 1, 'sandbox');
  const failure = { class: 'sandbox_lost', message: 'gone' } as const;
  await store.attempts.end('lost', 1, failure);
  const result = { ...earnedOne, reward: null, failure };
  await rollouts.close('lost', 'lost', 'failed', result);
  await rollouts.close('lost', 'lost', 'failed', result);
  await store.rollouts.release('lost');

  const scraped = readScrape(await metrics.metrics());
  const fault = { failure_class: 'sandbox_lost', fault: 'provider' };
  expect(scraped.sum('harbor_store_figures_up')).toBe(1);
  expect(scraped.sum('harbor_rollouts')).toBe(3);
  expect(scraped.sum('harbor_rollouts', { status: 'failed', ...fault })).toBe(1);
  expect(scraped.sum('harbor_attempts', fault)).toBe(1);
  expect(scraped.sum('harbor_rollouts_waiting')).toBe(1);
  expect(scraped.sum('harbor_capacity_held', { kind: 'running' })).toBe(1);
  expect(scraped.sum('harbor_capacity_held', { kind: 'memory_mb' })).toBe(small.memoryMb);
  expect(scraped.sum('harbor_rollouts_closed_total', { status: 'failed', agent: 'codex', ...fault })).toBe(1);
  expect(scraped.sum('harbor_rollout_seconds_sum', { stage: 'agent' })).toBe(2);
});

test('a database that gives no answer leaves its figures out, and nothing else', async () => {
  const metrics = createMetrics();
  measureStore({ read: () => Promise.reject(new Error('away')) }, metrics);
  const text = await metrics.metrics();
  expect(readScrape(text).sum('harbor_store_figures_up')).toBe(0);
  expect(text).not.toMatch(/^harbor_(rollouts|attempts|capacity)/m);
  expect(text).toMatch(/^process_resident_memory_bytes \d/m);
});

test('calls are counted as they are saved: by status, tokens, cost, time', async () => {
  const metrics = createMetrics();
  const sink = meteredSink(store.calls, metrics);
  const calls = [
    callRecord('lost'),
    callRecord('lost', { costUsd: null }),
    callRecord('lost', { status: 'refused', httpStatus: 400, usage: null, costUsd: null, firstByteAt: null }),
    callRecord('lost', { status: 'http_error', httpStatus: 503, usage: null, costUsd: null }),
  ];
  await sink.save(calls, 'journal', 10);
  const scraped = readScrape(await metrics.metrics());
  expect(scraped.sum('harbor_llm_calls_total', { upstream: 'openai', dialect: 'openai-chat' })).toBe(4);
  expect(scraped.sum('harbor_llm_calls_total', { status: 'ok', http: '2xx' })).toBe(2);
  expect(scraped.sum('harbor_llm_calls_total', { status: 'refused' })).toBe(1);
  expect(scraped.sum('harbor_llm_calls_total', { status: 'http_error', http: '5xx' })).toBe(1);
  expect(scraped.sum('harbor_llm_tokens_total', { kind: 'input' })).toBe(20);
  expect(scraped.sum('harbor_llm_cost_usd_total')).toBe(0.25);
  expect(scraped.sum('harbor_llm_unpriced_calls_total')).toBe(1);
  expect(scraped.sum('harbor_llm_time_to_first_byte_seconds_count')).toBe(3);
  expect(scraped.sum('harbor_llm_time_to_first_byte_seconds_bucket', { le: '0.25' })).toBe(3);
  expect(scraped.sum('harbor_llm_time_to_first_byte_seconds_bucket', { le: '0.1' })).toBe(0);
});
