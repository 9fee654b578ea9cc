import { beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import type { CallRecord } from '../../src/model/call.ts';
import { type Json, parseJson } from '../../src/model/json.ts';
import { traceSchema } from '../../src/model/responses.ts';
import { useApi } from '../support/api.ts';
import { callRecord } from '../support/call.ts';
import { readyDeployment } from '../support/deployment.ts';
import { earnedOne, endRollout } from '../support/rollout.ts';

const api = useApi();
const root = '/api/harbor/rollouts';

beforeAll(() => readyDeployment(api().store, { name: 'left', facts: { hasRunRollout: true } }));

async function newRollout(id: string): Promise<void> {
  const headers = { prefer: 'respond-async' };
  await api().ask('/api/harbor/deployments/left/rollout', { body: { rollout_id: id, env: { seed: 3 } }, headers });
}

let position = 0;

async function addCall(rolloutId: string, request: string, response: string, more: Partial<CallRecord> = {}) {
  const { blobs, calls } = api().store;
  const requestRef = await blobs.put(Buffer.from(request));
  const responseRef = await blobs.put(Buffer.from(response));
  position += 1;
  await calls.save([callRecord(rolloutId, { requestRef, responseRef, ...more })], 'journal', position);
}

async function trajectory(id: string): Promise<Json> {
  const { status, headers, text } = await api().ask(`${root}/${id}/trajectory`);
  expect({ status, type: headers['content-type'] }).toEqual({ status: 200, type: 'application/json; charset=utf-8' });
  return parseJson(text, z.json());
}

test('a rollout is given as what was told, said and spent, with what it came to', async () => {
  await newRollout('told');
  const user = { role: 'user', content: 'Mend it.' };
  const request = JSON.stringify({ model: 'm', messages: [user] });
  const pieces = ['Do', 'ne.'].map((content) => ({ id: 'c', choices: [{ index: 0, delta: { content } }] }));
  const stream = pieces.map((piece) => `data: ${JSON.stringify(piece)}\n\n`).join('');
  await addCall('told', request, '{"error":{}}', { status: 'http_error', error: 'slow down', costUsd: 0.1 });
  await addCall('told', request, `${stream}data: [DONE]\n\n`, { contentType: 'text/event-stream', costUsd: 0.2 });
  await endRollout(api().store, 'told', { ...earnedOne, rewards: { reward: 1, style: 0.5 } });
  expect(await trajectory('told')).toMatchObject({
    schema_version: 'ATIF-v1.8',
    session_id: 'told',
    trajectory_id: 'told.1',
    steps: [
      { source: 'user', message: 'Mend it.' },
      { source: 'agent', message: 'Done.' },
    ],
    extra: {
      status: 'completed',
      seed: 3,
      reward: 1,
      rewards: { reward: 1, style: 0.5 },
      trust: 'quiesced',
      failure: null,
      other_calls: [{ status: 'http_error', error: 'slow down' }],
    },
  });
});

test('its sums are those of the trace', async () => {
  await newRollout('summed');
  for (const costUsd of [0.1, 0.2, 0.3, 0.7]) await addCall('summed', '{}', '{}', { costUsd });
  const { usage } = parseJson((await api().ask(`${root}/summed/trace`)).text, traceSchema);
  expect(await trajectory('summed')).toMatchObject({
    final_metrics: {
      total_prompt_tokens: usage.input_tokens,
      total_completion_tokens: usage.output_tokens,
      total_cached_tokens: usage.cached_tokens,
      total_cost_usd: usage.cost_usd,
      extra: { llm_calls: 4, cache_write_tokens: usage.cache_write_tokens, reasoning_tokens: usage.reasoning_tokens },
    },
  });
});

test('a rollout that is open and has made no call is one all the same', async () => {
  await newRollout('silent');
  expect(await trajectory('silent')).toMatchObject({
    trajectory_id: 'silent.1',
    steps: [{ source: 'system' }],
    extra: { reward: null },
  });
});

test('what cannot be read is a fault of the server, not half a trajectory', async () => {
  await newRollout('broken');
  await addCall('broken', '{}', '{}', { responseRef: 'ab'.repeat(32) });
  expect((await api().ask(`${root}/broken/trajectory`)).status).toBe(500);
});

test('that of another organization is not found', async () => {
  await newRollout('mine');
  expect((await api().ask(`${root}/mine/trajectory`, { key: api().foreignKey })).status).toBe(404);
});
