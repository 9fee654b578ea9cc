import { beforeAll, expect, test } from 'vitest';
import { jsonObjectSchema, parseJson } from '../../src/model/json.ts';
import { type Answer, problemOf, useApi } from '../support/api.ts';
import { readyDeployment } from '../support/deployment.ts';
import { eventually } from '../support/project.ts';
import { earnedOne, endRollout, roomFor, run } from '../support/rollout.ts';

const api = useApi({ places: 1 });
let deploymentId = '';

beforeAll(async () => {
  deploymentId = (await readyDeployment(api().store, { name: 'global', facts: { hasRunRollout: true } })).id;
});

/** What evaluation scripts around the existing client send, less what a test says otherwise. */
const body = (more: object = {}) => ({
  deployment_id: deploymentId,
  trace_correlation_id: 'eval-7',
  seed: 7,
  prompt_template: { sections: [{ role: 'user', pattern: 'Implement the card.', order: 0 }] },
  inference_url: 'https://example.invalid/api/inference/v1/chat/completions',
  limits: { timeout_s: 300 },
  params: { agent: 'opencode', model: 'gpt-4.1-mini' },
  ...more,
});

async function answered(id: string, more: object, result = earnedOne): Promise<Answer> {
  const answer = api().ask('/api/harbor/rollout', { body: body({ rollout_id: id, ...more }) });
  await eventually(`rollout ${id} to be made`, () => api().store.rollouts.find(id));
  await endRollout(api().store, id, result);
  return answer;
}

test('is answered 200 with what the scripts read', async () => {
  const answer = await answered('scored', {}, { ...earnedOne, reward: 0.75, details: { passed: 3 } });
  expect(answer.status).toBe(200);
  expect(parseJson(answer.text, jsonObjectSchema)).toMatchObject({
    trace_correlation_id: 'eval-7',
    metrics: { reward_mean: 0.75, details: { passed: 3 } },
    success: true,
    error: null,
    seed: 7,
    model: 'gpt-4.1-mini',
  });
});

test('takes the name of a deployment for its id', async () => {
  expect((await answered('by-name', { deployment_id: 'global' })).status).toBe(200);
});

test('that ended without a number says so, with success false and the error', async () => {
  const failure = { class: 'no_reward', message: 'it wrote no result.json' } as const;
  const answer = await answered('unscored', {}, { ...earnedOne, reward: null, failure });
  expect(answer.status).toBe(424);
  expect(parseJson(answer.text, jsonObjectSchema)).toMatchObject({
    trace_correlation_id: 'eval-7',
    metrics: { reward_mean: null },
    success: false,
    error: 'it wrote no result.json',
  });
});

test.each<[string, object, number, object]>([
  ['without a deployment', { deployment_id: undefined }, 400, { field: 'deployment_id' }],
  ['for a deployment that is not there', { deployment_id: 'nowhere' }, 404, { code: 'not_found' }],
  ['with a seed that is a text', { seed: '7' }, 400, { field: 'seed' }],
])('%s is refused', async (_, more, status, problem) => {
  const answer = await api().ask('/api/harbor/rollout', { body: body(more) });
  expect(answer.status).toBe(status);
  expect(problemOf(answer)).toMatchObject(problem);
});

test('is 429 when every place stays taken for as long as it may wait, and nothing was started', async () => {
  await api().ask('/api/harbor/rollout', {
    body: body({ rollout_id: 'holder' }),
    headers: { prefer: 'respond-async' },
  });
  await api().store.rollouts.admit('holder', run('run'), roomFor(1));
  const answer = await api().ask('/api/harbor/rollout', { body: body({ rollout_id: 'refused' }) });
  expect(answer.status).toBe(429);
  expect(answer.headers['retry-after']).toBe('30');
  expect(problemOf(answer)).toMatchObject({ code: 'capacity' });
  expect(await api().store.rollouts.find('refused')).toBeUndefined();
});
