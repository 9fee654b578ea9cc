import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { journalDirectory } from '../../src/interceptor/main.ts';
import { mintToken } from '../../src/interceptor/tokens.ts';
import { ask, jsonOf } from './support/client.ts';
import { type TestInterceptor, never, startTestInterceptor, testSecret } from './support/interceptor.ts';
import { type TestUpstream, sendText, startUpstream } from './support/upstream.ts';

interface Pair {
  readonly interceptor: TestInterceptor;
  readonly upstream: TestUpstream;
}

async function startPair(): Promise<Pair> {
  const upstream = await startUpstream((response) => sendText(response, '{}'));
  return { upstream, interceptor: await startTestInterceptor({ upstream: upstream.baseUrl }) };
}

async function journalBytes({ directory }: TestInterceptor): Promise<number> {
  const folder = journalDirectory(directory);
  const sizes = (await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

const askFor = (
  interceptor: TestInterceptor,
  token: string,
  path = '/v1/responses',
  body = '{"model":"gpt-4.1-mini"}',
) => ask({ url: interceptor.url + path, token, body: [body] });

test.each([
  ['of another installation', () => mintToken('00'.repeat(32), 'rollout-1', 1)],
  ['of an attempt that was never granted', () => mintToken(testSecret, 'rollout-2', 1)],
  ['that is no token', () => 'sk-dummy'],
])('a token %s gets 401, reaches no upstream and leaves no record', async (_, token) => {
  const { interceptor, upstream } = await startPair();
  await interceptor.grant();
  const before = await journalBytes(interceptor);
  const answer = await askFor(interceptor, token());
  expect(answer.status).toBe(401);
  expect(jsonOf(answer)).toMatchObject({
    error: { type: 'invalid_request_error', code: 'invalid_api_key' },
  });
  expect(upstream.requests).toEqual([]);
  expect(await journalBytes(interceptor)).toBe(before);
});

test('a revoked token gets 401 and reaches no upstream', async () => {
  const { interceptor, upstream } = await startPair();
  const token = await interceptor.grant();
  await interceptor.admin.revoke('rollout-1', 1, never);
  expect((await askFor(interceptor, token)).status).toBe(401);
  expect(upstream.requests).toEqual([]);
});

test('a token that is revoked while its request comes in gets 401 and reaches no upstream', async () => {
  const { interceptor, upstream } = await startPair();
  const token = await interceptor.grant();
  const sent = request(`${interceptor.url}/v1/responses`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, expect: '100-continue' },
  });
  sent.flushHeaders();
  // It asks for the body: so far, the token was good.
  await once(sent, 'continue');
  await interceptor.admin.revoke('rollout-1', 1, never);
  sent.end('{}');
  const [answer] = await once(sent, 'response');
  expect(answer.statusCode).toBe(401);
  answer.resume();
  expect(upstream.requests).toEqual([]);
});

test('the token may come as x-api-key', async () => {
  const { interceptor } = await startPair();
  const token = await interceptor.grant();
  const answer = await ask({ url: `${interceptor.url}/v1/responses`, headers: { 'x-api-key': token }, body: ['{}'] });
  expect(answer.status).toBe(200);
});

test.each([
  ['/v1/responses', '/v1/responses'],
  ['/responses', '/v1/responses'],
  ['/v1/correlation-id/responses', '/v1/responses'],
  ['/v1/chat/completions', '/v1/chat/completions'],
  ['/v1/correlation-id/chat/completions?beta=true&x=a%20b', '/v1/chat/completions?beta=true&x=a%20b'],
])('%s goes to %s of the provider, with the real key', async (asked, reached) => {
  const { interceptor, upstream } = await startPair();
  const answer = await askFor(interceptor, await interceptor.grant(), asked);
  expect(answer.status).toBe(200);
  expect(upstream.requests).toMatchObject([
    {
      method: 'POST',
      url: reached,
      headers: { authorization: 'Bearer sk-real-4f1d9c', 'accept-encoding': 'identity' },
    },
  ]);
});

test.each([
  ['GET', '/v1/responses/resp_1'],
  ['GET', '/v1/chat/completions'],
  ['POST', '/v1/embeddings'],
])('%s %s is not found', async (method, path) => {
  const { interceptor, upstream } = await startPair();
  const token = await interceptor.grant();
  const answer = await ask({ url: interceptor.url + path, method, token });
  expect(answer.status).toBe(404);
  expect(answer.headers['content-type']).toBe('application/json');
  expect(upstream.requests).toEqual([]);
});

test('a provider without a key is refused by the name of the variable that is missing', async () => {
  const interceptor = await startTestInterceptor({
    upstreams: { anthropic: { baseUrl: 'http://127.0.0.1:9', apiKey: 'a' } },
  });
  const answer = await askFor(interceptor, await interceptor.grant());
  expect(answer.status).toBe(400);
  expect(answer.body.toString()).toContain('OPENAI_API_KEY');
});

test.each([
  ['another model', 'gpt-5.5'],
  ['another model behind a first one', 'gpt-4.1-mini","model":"gpt-5.5'],
  ['no model', ''],
])('a request for %s than the attempt may use gets 400 and reaches no upstream', async (_, model) => {
  const { interceptor, upstream } = await startPair();
  const token = await interceptor.grant({ models: ['gpt-4.1-mini'] });
  const answer = await askFor(interceptor, token, '/v1/responses', model === '' ? '{}' : `{"model":"${model}"}`);
  expect(answer.status).toBe(400);
  expect(jsonOf(answer)).toMatchObject({ error: { code: 'model_not_allowed' } });
  expect(upstream.requests).toEqual([]);
});

test.each([
  ['plain', undefined, (text: string) => Buffer.from(text)],
  ['gzip', 'gzip', gzipSync],
  ['br', 'br', brotliCompressSync],
  ['zstd', 'zstd', zstdCompressSync],
  ['deflate', 'deflate', deflateSync],
  ['deflate without its header', 'deflate', deflateRawSync],
])('a request in %s is held against the models and goes on byte for byte', async (_, encoding, encode) => {
  const { interceptor, upstream } = await startPair();
  const token = await interceptor.grant({ models: ['gpt-4.1-mini'] });
  const send = (body: Buffer) =>
    ask({
      url: `${interceptor.url}/v1/responses`,
      token,
      headers: { ...(encoding && { 'content-encoding': encoding }) },
      body: [body],
    });
  const body = encode('{ "model":  "gpt-4.1-mini" }');
  expect((await send(body)).status).toBe(200);
  expect((await send(encode('{ "model":  "gpt-5.5" }'))).status).toBe(400);
  expect(upstream.requests.map(({ headers }) => headers['content-encoding'])).toEqual([encoding]);
  expect(upstream.requests[0]?.body.equals(body)).toBe(true);
});

test('a body over the limit gets 413 and reaches no upstream', async () => {
  const { interceptor, upstream } = await startPair();
  const token = await interceptor.grant();
  const answer = await ask({
    url: `${interceptor.url}/v1/responses`,
    token,
    body: [Buffer.alloc(64 * 1024 * 1024 + 1)],
  });
  expect(answer.status).toBe(413);
  expect(upstream.requests).toEqual([]);
});
