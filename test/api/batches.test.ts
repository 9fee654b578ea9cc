import { beforeAll, describe, expect, test } from 'vitest';
import type { z } from 'zod';
import {
  batchListSchema,
  batchResultSchema,
  batchResultsSchema,
  batchSchema,
} from '../../src/model/batch-responses.ts';
import { batchLedgerSchema } from '../../src/model/ledger-responses.ts';
import { parseJson } from '../../src/model/json.ts';
import { problemOf, useApi } from '../support/api.ts';
import { readyDeployment } from '../support/deployment.ts';
import { earnedOne, endRollout, roomFor, run } from '../support/rollout.ts';
import type { RolloutResult } from '../../src/model/result.ts';

const api = useApi();
const policy = { config: { model: 'gpt-5-mini' } };
const unpriced = { config: { model: 'gpt-of-our-own' } };
const prompt_template = { sections: [{ role: 'user', content: 'Do it.' }] };
const root = '/api/harbor/batches';

const read = async <T>(schema: z.ZodType<T>, path: string, body?: object, status = 200): Promise<T> => {
  const answer = await api().ask(path, body ? { body } : {});
  expect([answer.status, answer.text]).toEqual([status, expect.anything()]);
  return parseJson(answer.text, schema);
};
const post = (path: string, body: object) => api().ask(path, { body });
const create = (body: object) =>
  read(batchSchema, '/api/harbor/deployments/env/batches', { policy, prompt_template, ...body }, 202);
const turn = (id: string) => api().store.batches.turn(id, 100);
const lost: RolloutResult = { ...earnedOne, reward: null, failure: { class: 'sandbox_lost', message: 'gone' } };

beforeAll(() => readyDeployment(api().store, { name: 'env' }));

describe('a batch', () => {
  test('is planned at once, however large, and has started nothing yet', async () => {
    const batch = await create({ seeds: { count: 10_000 }, samples: 5, policies: [policy, policy], policy: undefined });
    expect(batch).toMatchObject({ planned: 100_000, started: 0, status: 'running', counts: { not_started: 100_000 } });
    expect((await api().temporal.workflow.getHandle(`batch/${batch.id}`).describe()).type).toBe('batch');
    expect((await read(batchListSchema, root)).batches[0]).toMatchObject({ id: batch.id });
  });

  test('has rollouts that take what their deployment asks for', async () => {
    await readyDeployment(api().store, { name: 'small', body: { limits: { cpu_cores: 1, memory_mb: 1024 } } });
    const path = '/api/harbor/deployments/small/batches';
    const { id } = await read(batchSchema, path, { policy, prompt_template, seeds: [1] }, 202);
    expect(await turn(id)).toMatchObject({ begun: [{ cpuCores: 1, memoryMb: 1024 }] });
  });

  test.each<[object, string, string]>([
    [{ seeds: [] }, 'seeds', 'at least one seed'],
    [{ seeds: { from: 2, to: 1 } }, 'seeds', 'from must not be larger'],
    [{ seeds: { count: 100_001 } }, 'seeds', 'at most 100000'],
    [{ samples: 0 }, 'samples', 'at least 1'],
    [{ concurrency: 1001 }, 'concurrency', 'at most 1000'],
    [
      { policies: [policy, { config: { agent: 'nobody', model: 'gpt' } }], policy: undefined },
      'policies.1.config.agent',
      'nobody',
    ],
    [{ seeds: 'all' }, 'seeds', 'must be a list'],
    [{ policies: [policy] }, 'policies', 'one of the two'],
    [{ retry: { sandbox_lost: 11 } }, 'retry.sandbox_lost', 'at most 10'],
    [{ budget: { usd: 0 } }, 'budget.usd', 'more than 0'],
    [{ budget: { usd: 5 }, policy: unpriced }, 'policy.config.model', 'gpt-of-our-own has no known price'],
    [
      { budget: { usd: 5 }, policies: [policy, unpriced], policy: undefined },
      'policies.1.config.model',
      'policies.1.config.model: budget.usd cannot be kept: gpt-of-our-own has no known price',
    ],
    [{ limits: { budget: { usd: 5 } }, policy: unpriced }, 'limits.budget.usd', 'no known price'],
  ])('%j is refused, naming the field', async (body, field, says) => {
    const answer = await post('/api/harbor/deployments/env/batches', { policy, prompt_template, ...body });
    expect(answer.status).toBe(400);
    expect(problemOf(answer)).toMatchObject({ field, detail: expect.stringContaining(says) });
  });

  test('with a budget in dollars runs models with a price; without one any model', async () => {
    expect(await create({ budget: { usd: 5 } })).toMatchObject({ policies: [{ model: 'gpt-5-mini' }] });
    expect(await create({ budget: { tokens: 5000 }, policy: unpriced })).toMatchObject({
      policies: [{ model: 'gpt-of-our-own' }],
    });
  });

  test('is nothing that another organization sees', async () => {
    const { id } = await create({});
    for (const rest of ['', '/results', '/ledger', '/events']) {
      expect((await api().ask(`${root}/${id}${rest}`, { key: api().foreignKey })).status).toBe(404);
    }
    expect((await api().ask(`${root}/${id}/cancel`, { method: 'POST', key: api().foreignKey })).status).toBe(404);
  });

  test('that cannot be started is none', async () => {
    const { ask } = await api().cutOff();
    const before = await read(batchListSchema, root);
    const answer = await ask('/api/harbor/deployments/env/batches', { body: { policy, prompt_template } });
    expect(answer.status).toBe(503);
    const [newest] = (await read(batchListSchema, root)).batches;
    expect(newest).toMatchObject({ status: 'cancelled', started: 0 });
    expect(newest?.id).not.toBe(before.batches[0]?.id);
  });
});

describe('what a batch comes to', () => {
  let id = '';
  beforeAll(async () => {
    ({ id } = await create({ seeds: [1, 2, 3, 4], concurrency: 4, budget: { rollouts: 100 } }));
    await turn(id);
    for (const cell of [0, 1, 2]) await api().store.rollouts.admit(`${id}-${cell}`, run(`run-${cell}`), roomFor(1000));
    await endRollout(api().store, `${id}-0`);
    await endRollout(api().store, `${id}-1`, { ...earnedOne, reward: 0 });
    await endRollout(api().store, `${id}-2`, lost);
  });

  test('is counted, with a mean, its interval and pass@k', async () => {
    const batch = await read(batchSchema, `${root}/${id}`);
    expect(batch.counts).toEqual({
      scored: 2,
      failed: { sandbox_lost: 1 },
      cancelled: 0,
      open: { queued: 1 },
      not_started: 0,
    });
    expect(batch).toMatchObject({ mean_reward: 0.5, policies: [{ agent: 'codex', scored: 2, pass_at: { 1: 0.5 } }] });
    expect(batch.mean_low).toBeLessThan(0);
    expect(batch.eta_s).toBeGreaterThanOrEqual(0);
  });

  test('comes in pages and as lines, the same', async () => {
    const first = await read(batchResultsSchema, `${root}/${id}/results?limit=3`);
    expect(first).toMatchObject({ next: 2, results: [{ cell: 0, reward: 1 }, { reward: 0 }, { reward: null }] });
    const second = await read(batchResultsSchema, `${root}/${id}/results?limit=3&after=2`);
    expect(second).toMatchObject({ next: null, results: [{ rollout_id: `${id}-3`, seed: 4, status: 'queued' }] });
    const answer = await api().open(`${root}/${id}/results`, { headers: { accept: 'application/x-ndjson' } });
    const lines = (await answer.toArray()).join('').trim().split('\n');
    expect(lines.map((line) => parseJson(line, batchResultSchema))).toEqual([...first.results, ...second.results]);
  });

  test('is accounted for to the last rollout', async () => {
    const ledger = await read(batchLedgerSchema, `${root}/${id}/ledger`);
    expect(Object.keys(ledger)[0]).toBe('infrastructure_loss_rate');
    expect(ledger).toMatchObject({ balances: true, imbalances: [], planned: 4, rollouts: 4, scored: 2 });
  });

  test('says where its books do not agree', async () => {
    await api().store.db.updateTable('batches').set({ cursor: 9 }).where('id', '=', id).execute();
    const ledger = await read(batchLedgerSchema, `${root}/${id}/ledger`);
    expect(ledger).toMatchObject({ balances: false, imbalances: ['9 rollouts were started, and 4 are there'] });
    await api().store.db.updateTable('batches').set({ cursor: 4 }).where('id', '=', id).execute();
  });

  test('is made up for by a retry of what was lost; old rollouts stay', async () => {
    expect(await read(batchSchema, `${root}/${id}/retry`, { classes: ['internal'] })).toMatchObject({ started: 4 });
    await read(batchSchema, `${root}/${id}/retry`, { classes: ['sandbox_lost'] });
    // Asked twice, once planned.
    await read(batchSchema, `${root}/${id}/retry`, {});
    await turn(id);
    const { results } = await read(batchResultsSchema, `${root}/${id}/results`);
    expect(results).toHaveLength(4);
    expect(results[2]).toMatchObject({ rollout_id: `${id}-2-g2`, generation: 2, retry_of: `${id}-2`, seed: 3 });
    await endRollout(api().store, `${id}-2-g2`);
    await endRollout(api().store, `${id}-3`);
    await turn(id);
    expect(await read(batchSchema, `${root}/${id}`)).toMatchObject({
      status: 'completed',
      started: 5,
      counts: { scored: 4, failed: {}, not_started: 0 },
    });
    expect(await read(batchLedgerSchema, `${root}/${id}/ledger`)).toMatchObject({ balances: true, rollouts: 5 });
    expect((await api().store.rollouts.find(`${id}-2`))?.failureClass).toBe('sandbox_lost');
  });

  test('is over: only a retry may follow', async () => {
    const answer = await api().ask(`${root}/${id}/pause`, { method: 'POST' });
    expect(answer.status).toBe(409);
    expect(problemOf(answer).remedy).toContain('retry');
  });
});

describe('no further rollout starts', () => {
  test('while it is paused; with another concurrency as many as it says', async () => {
    const { id } = await create({ seeds: { count: 9 }, concurrency: 1 });
    const step = (kind: string) => api().ask(`${root}/${id}/${kind}`, { method: 'POST' });
    expect((await step('pause')).status).toBe(200);
    expect(await turn(id)).toMatchObject({ open: 0, batch: { status: 'paused' } });
    await read(batchSchema, `${root}/${id}/concurrency`, { concurrency: 3 });
    expect((await step('resume')).status).toBe(200);
    expect(await turn(id)).toMatchObject({ open: 3, batch: { status: 'running' } });
  });

  test('once its budget of rollouts is used up, and the rest counts as not started', async () => {
    const { id } = await create({ seeds: { count: 5 }, budget: { rollouts: 2 } });
    await turn(id);
    for (const cell of [0, 1]) await endRollout(api().store, `${id}-${cell}`);
    await turn(id);
    expect(await read(batchSchema, `${root}/${id}`)).toMatchObject({
      status: 'completed',
      stop_reason: 'budget_exhausted: rollouts',
      counts: { scored: 2, not_started: 3 },
    });
    expect(await read(batchLedgerSchema, `${root}/${id}/ledger`)).toMatchObject({ balances: true, not_started: 3 });
  });

  test('once too many were lost to faults that are not the agent’s', async () => {
    const { id } = await create({ seeds: { count: 5 }, concurrency: 1, stop: { failures: 1 } });
    await turn(id);
    await endRollout(api().store, `${id}-0`, lost);
    expect(await turn(id)).toMatchObject({
      begun: [],
      batch: { status: 'completed', stopReason: 'stop.failures: 1 rollouts were lost' },
    });
    // What was never started is run by a retry, too.
    await read(batchSchema, `${root}/${id}/retry`, {});
    expect(await api().store.batches.find(id)).toMatchObject({ total: 6, cursor: 1, status: 'running' });
  });

  test('of one that is cancelled', async () => {
    const { id } = await create({ seeds: { count: 5 } });
    await api().ask(`${root}/${id}/cancel`, { method: 'POST' });
    expect(await turn(id)).toMatchObject({ begun: [], batch: { status: 'cancelled' } });
  });
});

test('seeds are those of the tasks where none are named, and others are refused', async () => {
  const settings = {
    format: 'plain',
    processes: 'kill',
    testsTimeoutSeconds: 1,
    testsEnv: {},
    sandboxEnv: {},
  } as const;
  const task = { instruction: 'Do it.', settings, testsRef: null, script: null };
  await readyDeployment(api().store, { name: 'tasks', tasks: [3, 7].map((seed) => ({ seed, ...task })) });
  const path = '/api/harbor/deployments/tasks/batches';
  expect(await read(batchSchema, path, { policy, samples: 2 }, 202)).toMatchObject({ planned: 4 });
  const answer = await post(path, { policy, seeds: [3, 4] });
  expect(answer.status).toBe(400);
  expect(problemOf(answer)).toMatchObject({ field: 'seeds', detail: expect.stringContaining('no task 4') });
});
