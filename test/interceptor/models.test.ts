import { expect, test } from 'vitest';
import { ask, jsonOf } from './support/client.ts';
import { realKey, startTestInterceptor } from './support/interceptor.ts';
import { sendText, startUpstream } from './support/upstream.ts';

const models = ['gpt-4.1-mini', 'Qwen/Qwen3-Coder'];
const anthropicHeaders = (token: string) => ({ 'x-api-key': token, 'anthropic-version': '2023-06-01' });

/** An interceptor before both providers. */
async function startPair() {
  const upstream = await startUpstream((response) => sendText(response, '{"data":[]}'));
  const provider = { baseUrl: upstream.baseUrl, apiKey: realKey };
  const anthropic = { ...provider, baseUrl: upstream.baseUrl.replace('/v1', '') };
  return { upstream, interceptor: await startTestInterceptor({ upstreams: { openai: provider, anthropic } }) };
}

test('the models are those that the attempt may use, in the form of OpenAI', async () => {
  const { interceptor, upstream } = await startPair();
  const token = await interceptor.grant({ models });
  const answer = await ask({ url: `${interceptor.url}/v1/models`, method: 'GET', token });
  expect(jsonOf(answer)).toEqual({
    object: 'list',
    data: models.map((id) => ({ id, object: 'model', created: 0, owned_by: 'harbor' })),
  });
  expect(upstream.requests).toEqual([]);
});

test.each([
  ['names the version of its API', (token: string) => ({ authorization: `Bearer ${token}`, 'anthropic-version': '1' })],
  ['sends its key as x-api-key', (token: string) => ({ 'x-api-key': token })],
])('a client of Anthropic, which %s, gets them in its form', async (_, headersOf) => {
  const { interceptor } = await startPair();
  const headers = headersOf(await interceptor.grant({ models }));
  const answer = await ask({ url: `${interceptor.url}/v1/models?limit=1000`, method: 'GET', headers });
  expect(jsonOf(answer)).toEqual({
    data: models.map((id) => ({ type: 'model', id, display_name: id, created_at: '1970-01-01T00:00:00Z' })),
    has_more: false,
    first_id: models[0],
    last_id: models[1],
  });
});

test.each([
  ['/v1/models/gpt-4.1-mini', 'gpt-4.1-mini'],
  ['/v1/correlation-id/models/gpt-4.1-mini', 'gpt-4.1-mini'],
  ['/v1/models/Qwen/Qwen3-Coder', 'Qwen/Qwen3-Coder'],
  ['/v1/models/Qwen%2FQwen3-Coder', 'Qwen/Qwen3-Coder'],
])('%s is one of them', async (path, id) => {
  const { interceptor } = await startPair();
  const token = await interceptor.grant({ models });
  expect(jsonOf(await ask({ url: interceptor.url + path, method: 'GET', token }))).toMatchObject({ id });
  const headers = anthropicHeaders(token);
  expect(jsonOf(await ask({ url: interceptor.url + path, method: 'GET', headers }))).toMatchObject({
    type: 'model',
    id,
  });
});

test.each(['gpt-5.5', '%ff'])('the model %s, which the attempt may not use, is not found', async (id) => {
  const { interceptor, upstream } = await startPair();
  const token = await interceptor.grant({ models });
  const url = `${interceptor.url}/v1/models/${id}`;
  const openai = await ask({ url, method: 'GET', token });
  expect(openai.status).toBe(404);
  expect(jsonOf(openai)).toMatchObject({ error: { code: 'model_not_found' } });
  const anthropic = await ask({ url, method: 'GET', headers: anthropicHeaders(token) });
  expect(anthropic.status).toBe(404);
  expect(jsonOf(anthropic)).toMatchObject({ type: 'error', error: { type: 'not_found_error' } });
  expect(upstream.requests).toEqual([]);
});

test.each([
  ['/v1/models?limit=3', '/v1/models?limit=3'],
  ['/v1/correlation-id/models', '/v1/models'],
  ['/v1/models/gpt-5.5', '/v1/models/gpt-5.5'],
  ['/v1/models/Qwen%2FQwen3', '/v1/models/Qwen%2FQwen3'],
])('an attempt that may use any model is told by the provider: %s', async (asked, reached) => {
  const { interceptor, upstream } = await startPair();
  const token = await interceptor.grant();
  expect((await ask({ url: interceptor.url + asked, method: 'GET', token })).status).toBe(200);
  await ask({ url: interceptor.url + asked, method: 'GET', headers: anthropicHeaders(token) });
  expect(upstream.requests).toMatchObject([
    { method: 'GET', url: reached, headers: { authorization: `Bearer ${realKey}` } },
    { method: 'GET', url: reached, headers: { 'x-api-key': realKey, 'anthropic-version': '2023-06-01' } },
  ]);
});

test('the scripted model goes by any name', async () => {
  const interceptor = await startTestInterceptor();
  const token = await interceptor.grant();
  const url = `${interceptor.url}/v1/models`;
  expect(jsonOf(await ask({ url, method: 'GET', token }))).toMatchObject({ data: [] });
  expect(jsonOf(await ask({ url: `${url}/gpt-9`, method: 'GET', token }))).toMatchObject({ id: 'gpt-9' });
});

test('without a living token nobody is told anything', async () => {
  const { interceptor } = await startPair();
  for (const name of ['authorization', 'x-api-key']) {
    const headers = { [name]: 'Bearer x' };
    expect((await ask({ url: `${interceptor.url}/v1/models`, method: 'GET', headers })).status).toBe(401);
  }
});
