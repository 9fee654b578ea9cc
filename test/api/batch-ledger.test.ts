import { beforeAll, describe, expect, test } from 'vitest';
import { batchSchema } from '../../src/model/batch-responses.ts';
import { parseJson } from '../../src/model/json.ts';
import { batchLedgerSchema, ledgerLineSchema } from '../../src/model/ledger-responses.ts';
import type { RolloutResult } from '../../src/model/result.ts';
import { noUsage, type Usage } from '../../src/model/rollout.ts';
import { useApi } from '../support/api.ts';
import { callRecord } from '../support/call.ts';
import { readyDeployment } from '../support/deployment.ts';
import { earnedOne, endRollout, roomFor, run } from '../support/rollout.ts';

const api = useApi();
const policy = { config: { model: 'gpt-5-mini' } };
const prompt_template = { sections: [{ role: 'user', content: 'Do it.' }] };
const lost = { class: 'sandbox_lost', message: 'gone' } as const;

async function create(body: object): Promise<string> {
  const answer = await api().ask('/api/harbor/deployments/env/batches', { body: { policy, prompt_template, ...body } });
  return parseJson(answer.text, batchSchema).id;
}
const turn = (id: string) => api().store.batches.turn(id, 100);
const ledger = async (id: string, query = '') =>
  parseJson((await api().ask(`/api/harbor/batches/${id}/ledger${query}`)).text, batchLedgerSchema);

/** An attempt with so many calls of $0.25 and 15 tokens, and its end. */
async function attempt(id: string, number: number, calls: number, failure: RolloutResult['failure'] = null) {
  const { store } = api();
  await store.rollouts.admit(id, run(`run of ${id}`), roomFor(1000));
  await store.rollouts.enter(id, `run of ${id}`, 'running', number);
  await store.attempts.begin(id, number, `sandbox-of-${id}-a${number}`);
  const records = Array.from({ length: calls }, () => callRecord(id, { attempt: number }));
  await store.calls.save(records, `journal of ${id}-a${number}`, 1);
  await store.attempts.end(id, number, failure);
}
const used = (calls: number): Usage => ({
  ...noUsage,
  llm_calls: calls,
  input_tokens: 10 * calls,
  output_tokens: 5 * calls,
  cost_usd: 0.25 * calls,
});

let id = '';
beforeAll(async () => {
  await readyDeployment(api().store, { name: 'env' });
  // Of three cells one is scored in its second attempt, one failed and is made up for by a retry, one is never started.
  id = await create({ seeds: [7, 8, 9], concurrency: 2, budget: { rollouts: 3 } });
  await turn(id);
  await attempt(`${id}-0`, 1, 2, lost);
  await attempt(`${id}-0`, 2, 1);
  await endRollout(api().store, `${id}-0`, { ...earnedOne, usage: used(3) });
  await attempt(`${id}-1`, 1, 1, { class: 'no_reward', message: 'none' });
  const failure = { class: 'no_reward', message: 'none' } as const;
  await endRollout(api().store, `${id}-1`, { ...earnedOne, reward: null, failure, usage: used(1) });
  await api().ask(`/api/harbor/batches/${id}/cancel`, { method: 'POST' });
  await turn(id);
  await api().ask(`/api/harbor/batches/${id}/retry`, { body: { seeds: [8] } });
  await turn(id);
  await attempt(`${id}-1-g2`, 1, 1);
  await endRollout(api().store, `${id}-1-g2`, { ...earnedOne, reward: 0.5, usage: used(1) });
  await turn(id);
});

describe('the ledger of a batch', () => {
  test('says first what share of its attempts was lost to infrastructure, and that it balances', async () => {
    const books = await ledger(id, '?limit=0');
    expect(Object.keys(books)[0]).toBe('infrastructure_loss_rate');
    expect(books).toEqual({
      infrastructure_loss_rate: 0.25,
      attempts: 4,
      attempts_lost: 1,
      attempts_failed: { sandbox_lost: 1, no_reward: 1 },
      planned: 3,
      scored: 2,
      failed: {},
      cancelled: 0,
      open: {},
      not_started: 1,
      rollouts: 3,
      llm_calls: 5,
      llm_calls_in_results: 5,
      tokens: 75,
      cost_usd: 1.25,
      cost_of_attempts_usd: 1.25,
      unpriced_calls: 0,
      balances: true,
      imbalances: [],
      entries: [],
      next: null,
    });
  });

  test('has every planned rollout, why each attempt began and ended and what it cost, and every call', async () => {
    const { entries, next } = await ledger(id);
    expect(next).toBeNull();
    const free = { message: null, is_lost: false, cost_usd: 0.25, llm_calls: 1, tokens: 15, unpriced_calls: 0 };
    expect(entries.filter(({ type }) => type !== 'call')).toMatchObject([
      {
        type: 'rollout',
        rollout_id: `${id}-0`,
        seed: 7,
        outcome: 'scored',
        reward: 1,
        is_newest: true,
        attempts: [
          { attempt: 1, began_because: 'first', ended_because: 'sandbox_lost', is_lost: true, cost_usd: 0.5 },
          { attempt: 2, began_because: 'sandbox_lost', ended_because: 'done', ...free },
        ],
      },
      {
        rollout_id: `${id}-1`,
        seed: 8,
        outcome: 'failed',
        failure_class: 'no_reward',
        is_newest: false,
        attempts: [{ began_because: 'first', ended_because: 'no_reward', is_lost: false }],
      },
      { rollout_id: `${id}-1-g2`, generation: 2, retry_of: `${id}-1`, is_newest: true, reward: 0.5, attempts: [free] },
      { type: 'not_started', cell: 2, seed: 9, sample: 0, policy: 0 },
    ]);
    const calls = entries.filter((entry) => entry.type === 'call');
    expect(calls.map(({ rollout_id: rollout, attempt: number, cost_usd: usd }) => [rollout, number, usd])).toEqual([
      [`${id}-0`, 1, 0.25],
      [`${id}-0`, 1, 0.25],
      [`${id}-0`, 2, 0.25],
      [`${id}-1`, 1, 0.25],
      [`${id}-1-g2`, 1, 0.25],
    ]);
  });

  test('comes in pages by cell, and as lines that are the same', async () => {
    const first = await ledger(id, '?limit=1');
    expect(first.next).toBe(0);
    const rest = await ledger(id, `?limit=2&after=${first.next}`);
    expect(rest.next).toBeNull();
    const answer = await api().open(`/api/harbor/batches/${id}/ledger`, {
      headers: { accept: 'application/x-ndjson' },
    });
    const text = (await answer.toArray()).join('').trim().split('\n');
    const [books, ...entries] = text.map((line) => parseJson(line, ledgerLineSchema));
    expect(books).toMatchObject({ type: 'books', infrastructure_loss_rate: 0.25, balances: true });
    const key = (entry: object) => JSON.stringify(entry);
    expect(entries.map(key).toSorted()).toEqual([...first.entries, ...rest.entries].map(key).toSorted());
  });

  test('of many cells streams all of them', async () => {
    const large = await create({ seeds: { count: 450 }, samples: 2 });
    const answer = await api().open(`/api/harbor/batches/${large}/ledger?format=jsonl`);
    const text = (await answer.toArray()).join('').trim().split('\n');
    const cells = text.slice(1).map((line) => parseJson(line, ledgerLineSchema));
    expect(cells).toHaveLength(900);
    expect(cells.at(-1)).toEqual({ type: 'not_started', cell: 899, seed: 449, sample: 1, policy: 0 });
  });
});

describe('books that do not agree say so', () => {
  test('where a result has other calls than were recorded', async () => {
    const one = await create({ seeds: [1], concurrency: 1 });
    await turn(one);
    await attempt(`${one}-0`, 1, 2);
    await endRollout(api().store, `${one}-0`, { ...earnedOne, usage: used(1) });
    await turn(one);
    const { balances, imbalances } = await ledger(one);
    expect({ balances, imbalances }).toEqual({
      balances: false,
      imbalances: [`1 results have other calls, tokens or cost than were recorded, that of ${one}-0 for one`],
    });
  });

  test('where a call belongs to no attempt', async () => {
    const one = await create({ seeds: [1], concurrency: 1 });
    await turn(one);
    await attempt(`${one}-0`, 1, 1);
    await api().store.calls.save([callRecord(`${one}-0`, { attempt: 5 })], 'a journal', 1);
    const { imbalances } = await ledger(one);
    expect(imbalances).toEqual(['1 calls belong to no attempt', 'calls cost $0.5, and attempts $0.25']);
  });

  test('where its cells and its rollouts are not as many', async () => {
    const one = await create({ seeds: [1, 2], concurrency: 2 });
    await turn(one);
    await api().store.db.updateTable('batches').set({ cursor: 9 }).where('id', '=', one).execute();
    expect((await ledger(one)).imbalances).toEqual(['9 rollouts were started, and 2 are there']);
  });

  test('where what was counted as it came is not what is there', async () => {
    const one = await create({ seeds: [1], concurrency: 1 });
    await turn(one);
    await attempt(`${one}-0`, 1, 2);
    await api()
      .store.db.updateTable('batchTallies')
      .set({ calls: 3, costUsd: '0.75' })
      .where('batchId', '=', one)
      .execute();
    expect((await ledger(one)).imbalances).toEqual([
      '3 calls were counted as they came, and 2 are there',
      '0.75 dollars were counted as they came, and 0.5 are there',
    ]);
  });
});
