import { expect, test } from 'vitest';
import { ask, jsonOf } from './support/client.ts';
import { realKey, startTestInterceptor } from './support/interceptor.ts';
import { endAttempt } from './support/projection.ts';
import { sendText, startUpstream } from './support/upstream.ts';

test.each([
  ['/v1/messages?beta=true', '/v1/messages?beta=true'],
  ['/messages', '/v1/messages'],
  ['/v1/correlation-id/messages/count_tokens?beta=true', '/v1/messages/count_tokens?beta=true'],
])("%s goes to %s of Anthropic, with the real key and the client's own versions", async (asked, reached) => {
  const upstream = await startUpstream((response) => sendText(response, '{"input_tokens":7}'));
  const anthropic = { baseUrl: upstream.baseUrl.replace('/v1', ''), apiKey: realKey };
  const interceptor = await startTestInterceptor({ upstreams: { anthropic } });
  const token = await interceptor.grant();
  const versions = { 'anthropic-version': '2023-06-01', 'anthropic-beta': 'claude-code-20250219,oauth-2025-04-20' };
  const url = interceptor.url + asked;
  const body = ['{"model":"claude-sonnet-4-20250514"}'];
  await ask({ url, headers: { ...versions, 'x-api-key': token }, body });
  await ask({ url, headers: versions, token, body });
  const received = { method: 'POST', url: reached, headers: { ...versions, 'x-api-key': realKey } };
  expect(upstream.requests).toMatchObject([received, received]);
  expect(upstream.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
  const { calls } = await endAttempt(interceptor);
  const call = { status: 'ok', dialect: 'anthropic-messages', path: asked, usage: null };
  expect(calls).toMatchObject([call, call]);
});

test('a client of Anthropic is refused in the words of its own API', async () => {
  const interceptor = await startTestInterceptor();
  const answer = await ask({ url: `${interceptor.url}/v1/messages`, headers: { 'x-api-key': 'none' }, body: ['{}'] });
  expect(answer.status).toBe(401);
  expect(jsonOf(answer)).toMatchObject({ type: 'error', error: { type: 'authentication_error' } });
});

test('the usage of a stream goes into its record, with its price', async () => {
  const event = (type: string, more: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
  const usage = {
    input_tokens: 1000,
    cache_read_input_tokens: 8000,
    cache_creation_input_tokens: 1000,
    output_tokens: 1,
  };
  const message = { id: 'msg_1', model: 'claude-sonnet-4-20250514', usage };
  const stream =
    event('message_start', { message }) +
    event('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 100 } }) +
    event('message_stop', {});
  const upstream = await startUpstream((response) => sendText(response, stream, 'text/event-stream; charset=utf-8'));
  const anthropic = { baseUrl: upstream.baseUrl.replace('/v1', ''), apiKey: realKey };
  const interceptor = await startTestInterceptor({ upstreams: { anthropic } });
  const token = await interceptor.grant();
  const body = ['{"model":"claude-sonnet-4-20250514","stream":true}'];
  expect(String((await ask({ url: `${interceptor.url}/v1/messages`, token, body })).body)).toBe(stream);
  const { calls } = await endAttempt(interceptor);
  expect(calls).toMatchObject([
    {
      upstream: 'anthropic',
      streamed: true,
      usage: { inputTokens: 10_000, cachedTokens: 8000, cacheWriteTokens: 1000, outputTokens: 100 },
      // 1000 × 3 + 8000 × 0.30 + 1000 × 3.75 + 100 × 15 dollars a million.
      costUsd: expect.closeTo(0.01065, 12),
    },
  ]);
});
