import { expect, test } from 'vitest';
import { ask } from './support/client.ts';
import { startTestInterceptor } from './support/interceptor.ts';
import { sendText, startUpstream } from './support/upstream.ts';

async function startPair() {
  const upstream = await startUpstream((response) => sendText(response, '{}'));
  return { upstream, interceptor: await startTestInterceptor({ upstream: upstream.baseUrl }) };
}

test.each(['/', '/api/hello', '/v1/messages', '/nowhere'])(
  'a probe, HEAD %s, is told that somebody is there, and no more',
  async (path) => {
    const { interceptor, upstream } = await startPair();
    const answer = await ask({ url: interceptor.url + path, method: 'HEAD' });
    expect(answer).toMatchObject({ status: 200, body: Buffer.alloc(0), headers: { 'content-length': '0' } });
    expect(upstream.requests).toEqual([]);
  },
);

test.each(['/v1/responses', '/v1/messages', '/v1/realtime?model=gpt-5.5'])(
  'a WebSocket at %s is refused, so that the agent goes on with plain HTTP',
  async (path) => {
    const { interceptor, upstream } = await startPair();
    const answer = await ask({
      url: interceptor.url + path,
      method: 'GET',
      token: await interceptor.grant(),
      headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'a' },
    });
    expect(answer.status).toBe(426);
    expect(upstream.requests).toEqual([]);
  },
);

test('an offer of HTTP/2 is passed over, and the request served', async () => {
  const { interceptor, upstream } = await startPair();
  const answer = await ask({
    url: `${interceptor.url}/v1/responses`,
    token: await interceptor.grant(),
    headers: { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABkAAQAoAAA' },
    body: ['{"model":"m"}'],
  });
  expect(answer.status).toBe(200);
  expect(upstream.requests.map(({ body, headers }) => [String(body), headers.upgrade])).toEqual([
    ['{"model":"m"}', undefined],
  ]);
});
