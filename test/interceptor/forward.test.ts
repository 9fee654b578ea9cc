import { once } from 'node:events';
import { readFile, readdir } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { journalDirectory } from '../../src/interceptor/main.ts';
import { ask, begin, collect, jsonOf } from './support/client.ts';
import { type TestInterceptor, never, startTestInterceptor } from './support/interceptor.ts';
import { endAttempt } from './support/projection.ts';
import { sendText, startUpstream } from './support/upstream.ts';

const pieces = fc.array(
  fc.uint8Array({ minLength: 1, maxLength: 3000 }).map((bytes) => Buffer.from(bytes)),
  {
    minLength: 1,
    maxLength: 12,
  },
);
const chat = (interceptor: TestInterceptor): string => `${interceptor.url}/v1/chat/completions`;

async function journalText({ directory }: TestInterceptor): Promise<string> {
  const folder = journalDirectory(directory);
  const texts = (await readdir(folder)).map((name) => readFile(join(folder, name), 'latin1'));
  return (await Promise.all(texts)).join('');
}

test('bytes pass unchanged in both directions, however they are cut into pieces, and are recorded so', async () => {
  let answerPieces: readonly Buffer[] = [];
  const upstream = await startUpstream((response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const piece of answerPieces) response.write(piece);
    response.end();
  });
  const interceptor = await startTestInterceptor({ upstream: upstream.baseUrl });
  const token = await interceptor.grant();
  const sent: Buffer[] = [];
  const answered: Buffer[] = [];
  await fc.assert(
    fc.asyncProperty(pieces, pieces, async (request, answer) => {
      answerPieces = [...answer, Buffer.from('\ndata: [DONE]\n\n')];
      const got = await ask({ url: chat(interceptor), token, body: request });
      expect(got.isWhole).toBe(true);
      expect(got.body.equals(Buffer.concat(answerPieces))).toBe(true);
      expect(upstream.requests.at(-1)?.body.equals(Buffer.concat(request))).toBe(true);
      sent.push(Buffer.concat(request));
      answered.push(Buffer.concat(answerPieces));
    }),
    { numRuns: 40 },
  );
  const { calls, blobs } = await endAttempt(interceptor);
  const bodies = (refs: readonly (string | null)[]) => Promise.all(refs.map((ref) => blobs.get(ref ?? '')));
  expect(await bodies(calls.map(({ requestRef }) => requestRef))).toEqual(sent);
  expect(await bodies(calls.map(({ responseRef }) => responseRef))).toEqual(answered);
});

/** An upstream that leaves its answer to the test. */
async function startHeldUpstream() {
  const arrived = Promise.withResolvers<ServerResponse>();
  const upstream = await startUpstream((response) => arrived.resolve(response));
  return { baseUrl: upstream.baseUrl, arrived: arrived.promise };
}

test('pieces of a stream are passed on as they come', async () => {
  const { baseUrl, arrived } = await startHeldUpstream();
  const interceptor = await startTestInterceptor({ upstream: baseUrl });
  const asked = begin({ url: chat(interceptor), token: await interceptor.grant(), body: ['{}'] });
  const upstream = await arrived;
  upstream.writeHead(200, { 'content-type': 'text/event-stream' });
  upstream.flushHeaders();
  const { answer } = await asked;
  for (const piece of ['first', 'data: [DONE]\n\n']) {
    upstream.write(piece);
    expect(String((await once(answer, 'data'))[0])).toBe(piece);
  }
  upstream.end();
  await once(answer, 'end');
});

test('the record of a call is in the journal when the upstream is asked', async () => {
  const seen: string[] = [];
  const interceptors: TestInterceptor[] = [];
  const upstream = await startUpstream(async (response) => {
    for (const interceptor of interceptors) seen.push(await journalText(interceptor));
    sendText(response, '{}');
  });
  const interceptor = await startTestInterceptor({ upstream: upstream.baseUrl });
  interceptors.push(interceptor);
  await ask({ url: chat(interceptor), token: await interceptor.grant(), body: ['{"messages":["marked"]}'] });
  expect(seen).toEqual([expect.stringMatching(/"rolloutId":"rollout-1".*\{"messages":\["marked"\]\}/s)]);
});

test('an error of the provider passes intact, and is recorded as one', async () => {
  const body = '{"error":{"type":"server_error","code":"rate_limit_exceeded","message":"slow down"}}';
  const upstream = await startUpstream((response) => {
    response.writeHead(429, 'Too Many', {
      'retry-after': '3',
      'x-request-id': 'req_1',
      'content-type': 'application/json',
    });
    response.end(body);
  });
  const interceptor = await startTestInterceptor({ upstream: upstream.baseUrl });
  const answer = await ask({ url: chat(interceptor), token: await interceptor.grant(), body: ['{}'] });
  expect(answer).toMatchObject({ status: 429, headers: { 'retry-after': '3', 'x-request-id': 'req_1' } });
  expect(answer.body.toString()).toBe(body);
  const { calls } = await endAttempt(interceptor);
  expect(calls).toMatchObject([
    { status: 'http_error', httpStatus: 429, error: 'rate_limit_exceeded: slow down', usage: null, costUsd: null },
  ]);
});

test('an upstream that cannot be reached: 502 that says so, and a record', async () => {
  const interceptor = await startTestInterceptor({ upstream: 'http://127.0.0.1:9' });
  const answer = await ask({ url: chat(interceptor), token: await interceptor.grant(), body: ['{}'] });
  expect(answer.status).toBe(502);
  expect(jsonOf(answer)).toMatchObject({
    error: { type: 'server_error', message: expect.stringContaining('ECONNREFUSED') },
  });
  const { calls } = await endAttempt(interceptor);
  expect(calls).toMatchObject([{ status: 'reset', httpStatus: null, firstByteAt: null, endedAt: expect.any(Date) }]);
});

test('an upstream that breaks off before it answers: 502, and a record', async () => {
  const upstream = await startUpstream((response) => void response.socket?.destroy());
  const interceptor = await startTestInterceptor({ upstream: upstream.baseUrl });
  const answer = await ask({ url: chat(interceptor), token: await interceptor.grant(), body: ['{}'] });
  expect(answer.status).toBe(502);
  const { calls } = await endAttempt(interceptor);
  expect(calls).toMatchObject([{ status: 'reset', responseBytes: 0 }]);
});

test.each([
  ['a stream', {}],
  ['an answer of a known length', { 'content-length': '1000' }],
])('an upstream that breaks %s off: the client is cut off too, and what came is recorded', async (_, headers) => {
  const { baseUrl, arrived } = await startHeldUpstream();
  const interceptor = await startTestInterceptor({ upstream: baseUrl });
  const asked = begin({ url: chat(interceptor), token: await interceptor.grant(), body: ['{}'] });
  const upstream = await arrived;
  upstream.writeHead(200, { 'content-type': 'text/event-stream', ...headers });
  upstream.write('half');
  const { answer } = await asked;
  const collected = collect(answer);
  await once(answer, 'data');
  upstream.socket?.destroy();
  expect(await collected).toMatchObject({ isWhole: false, body: Buffer.from('half') });
  const { calls } = await endAttempt(interceptor);
  expect(calls).toMatchObject([{ status: 'reset', httpStatus: 200, responseBytes: 4 }]);
});

test('a stream that ends in good order before its last event: the client is cut off', async () => {
  const upstream = await startUpstream((response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: {}\n\n');
    response.end();
  });
  const interceptor = await startTestInterceptor({ upstream: upstream.baseUrl });
  const asked = { url: chat(interceptor), token: await interceptor.grant(), body: ['{}'] };
  // Agents take a good order for a whole answer, and go on with half of one.
  expect(await ask(asked).catch(() => ({ isWhole: false }))).toMatchObject({ isWhole: false });
  const { calls } = await endAttempt(interceptor);
  expect(calls).toMatchObject([{ status: 'reset', error: 'the stream ended before its last event' }]);
});

test('a client of HTTP/1.0 is cut off by a reset, since to it a closed connection is the end of the answer', async () => {
  const { baseUrl, arrived } = await startHeldUpstream();
  const interceptor = await startTestInterceptor({ upstream: baseUrl });
  const token = await interceptor.grant();
  const socket = connect(interceptor.running.state.publicPort, '127.0.0.1');
  socket.write(`POST /v1/responses HTTP/1.0\r\nauthorization: Bearer ${token}\r\ncontent-length: 2\r\n\r\n{}`);
  const upstream = await arrived;
  upstream.writeHead(200, { 'content-type': 'text/event-stream' });
  upstream.write('half');
  await once(socket, 'data');
  upstream.socket?.destroy();
  const [error] = await once(socket, 'error');
  expect(error).toMatchObject({ code: 'ECONNRESET' });
});

test('a client that hangs up: the upstream is cut off, and what came is recorded', async () => {
  const { baseUrl, arrived } = await startHeldUpstream();
  const interceptor = await startTestInterceptor({ upstream: baseUrl });
  const asked = begin({ url: chat(interceptor), token: await interceptor.grant(), body: ['{}'] });
  const upstream = await arrived;
  upstream.writeHead(200, { 'content-type': 'text/event-stream' });
  upstream.write('half');
  const { sent, answer } = await asked;
  await once(answer, 'data');
  const cutOff = once(upstream, 'close');
  sent.destroy();
  await cutOff;
  const { calls, blobs } = await endAttempt(interceptor);
  expect(calls).toMatchObject([{ status: 'client_abort', httpStatus: 200, responseBytes: 4 }]);
  expect((await blobs.get(calls[0]?.responseRef ?? '')).toString()).toBe('half');
});

test('a client that hangs up before the answer begins is recorded, and the upstream cut off', async () => {
  const { baseUrl, arrived } = await startHeldUpstream();
  const interceptor = await startTestInterceptor({ upstream: baseUrl });
  const token = await interceptor.grant();
  const socket = connect(interceptor.running.state.publicPort, '127.0.0.1');
  socket.write(`POST /v1/responses HTTP/1.1\r\nhost: x\r\nx-api-key: ${token}\r\ncontent-length: 2\r\n\r\n{}`);
  const cutOff = once(await arrived, 'close');
  socket.destroy();
  await cutOff;
  const { calls } = await endAttempt(interceptor);
  expect(calls).toMatchObject([{ status: 'client_abort', httpStatus: null, responseBytes: 0 }]);
});

test('a slow client slows the upstream down: the interceptor does not hold the answer in memory', async () => {
  const upstream = await startUpstream(async (response) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    const piece = Buffer.alloc(1024 * 1024, 'x');
    for (let sent = 0; sent < 64; sent++) if (!response.write(piece)) await once(response, 'drain');
    response.end();
  });
  const interceptor = await startTestInterceptor({ upstream: upstream.baseUrl });
  const { answer } = await begin({ url: chat(interceptor), token: await interceptor.grant(), body: ['{}'] });
  let [taken, before] = [0, 0];
  // Nobody reads the answer: what is taken from the upstream comes to a halt.
  await expect
    .poll(
      async () => {
        [before, taken] = [taken, (await journalText(interceptor)).length];
        return taken > 1024 * 1024 && taken === before;
      },
      { interval: 200, timeout: 30_000 },
    )
    .toBe(true);
  expect(taken).toBeLessThan(32 * 1024 * 1024);
  const { body, isWhole } = await collect(answer);
  expect({ bytes: body.length, isWhole }).toEqual({ bytes: 64 * 1024 * 1024, isWhole: true });
});

test('a revocation cuts the open stream, and its place lies behind the record of it', async () => {
  const { baseUrl, arrived } = await startHeldUpstream();
  const interceptor = await startTestInterceptor({ upstream: baseUrl });
  const asked = begin({ url: chat(interceptor), token: await interceptor.grant(), body: ['{}'] });
  const upstream = await arrived;
  upstream.writeHead(200, { 'content-type': 'text/event-stream' });
  upstream.write('half');
  const { answer } = await asked;
  const collected = collect(answer);
  await once(answer, 'data');
  const upstreamCut = once(upstream, 'close');
  const { journal, offset } = await interceptor.admin.revoke('rollout-1', 1, never);
  expect((await collected).isWhole).toBe(false);
  await upstreamCut;
  const written = await readFile(join(journalDirectory(interceptor.directory), `${journal}.journal`));
  expect(written.subarray(0, offset).toString('latin1')).toContain('"status":"revoked"');
});

test('a revocation leaves the streams of others alone', async () => {
  const { baseUrl, arrived } = await startHeldUpstream();
  const interceptor = await startTestInterceptor({ upstream: baseUrl });
  const asked = begin({ url: chat(interceptor), token: await interceptor.grant({ attempt: 2 }), body: ['{}'] });
  const upstream = await arrived;
  await interceptor.admin.revoke('rollout-1', 1, never);
  sendText(upstream, '{}');
  expect(await collect((await asked).answer)).toMatchObject({ status: 200, isWhole: true });
});
