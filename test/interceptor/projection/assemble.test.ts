import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type JournaledCall, assembleCall, readRequest } from '../../../src/interceptor/projection/assemble.ts';

const links = { requestRef: 'request', responseRef: 'response', retryOf: null };
const completion = JSON.stringify({
  id: 'chatcmpl-1',
  model: 'gpt-4.1-mini-2025-04-14',
  choices: [{ finish_reason: 'stop' }],
  usage: { prompt_tokens: 1000, completion_tokens: 100, prompt_tokens_details: { cached_tokens: 500 } },
});
const whole: JournaledCall = {
  opening: {
    id: '01M82W2XZJSFJ0S0MJFCQ3V3RM',
    rolloutId: 'rollout-1',
    attempt: 2,
    dialect: 'openai-chat',
    method: 'POST',
    path: '/v1/chat/completions?x=1',
    upstream: 'openai',
    startedAt: Date.UTC(2026, 0, 1),
    contentEncoding: null,
  },
  request: { model: 'gpt-4.1-mini', streamed: false, bytes: 7 },
  head: { status: 200, contentType: 'application/json', contentEncoding: null, ms: 20 },
  body: Buffer.from(completion),
  closing: { status: 'ok', error: null, ms: 30 },
};

test('a whole call', () => {
  expect(assembleCall(whole, links)).toEqual({
    id: '01M82W2XZJSFJ0S0MJFCQ3V3RM',
    rolloutId: 'rollout-1',
    attempt: 2,
    dialect: 'openai-chat',
    method: 'POST',
    path: '/v1/chat/completions?x=1',
    upstream: 'openai',
    requestedModel: 'gpt-4.1-mini',
    responseModel: 'gpt-4.1-mini-2025-04-14',
    responseId: 'chatcmpl-1',
    streamed: false,
    status: 'ok',
    httpStatus: 200,
    stopReason: 'stop',
    retryOf: null,
    usage: { inputTokens: 1000, cachedTokens: 500, cacheWriteTokens: 0, outputTokens: 100, reasoningTokens: 0 },
    // 500 × 0.40 + 500 × 0.10 + 100 × 1.60 dollars a million.
    costUsd: expect.closeTo(0.00041, 12),
    requestRef: 'request',
    requestBytes: 7,
    responseRef: 'response',
    responseBytes: Buffer.byteLength(completion),
    contentType: 'application/json',
    startedAt: new Date(Date.UTC(2026, 0, 1)),
    firstByteAt: new Date(Date.UTC(2026, 0, 1) + 20),
    endedAt: new Date(Date.UTC(2026, 0, 1) + 30),
    error: null,
  });
});

test.each([
  ['gzip', gzipSync],
  ['deflate', deflateSync],
  ['br', brotliCompressSync],
  ['zstd', zstdCompressSync],
])('an answer and a request in %s are read, and kept as they are', (contentEncoding, compress) => {
  const body = compress(completion);
  const record = assembleCall({ ...whole, head: { ...head(), contentEncoding }, body }, links);
  expect(record).toMatchObject({ responseId: 'chatcmpl-1', responseBytes: body.length });
  const request = compress('{"model":"gpt-4.1-mini","stream":true}');
  expect(readRequest({ ...whole.opening, contentEncoding }, request)).toEqual({
    model: 'gpt-4.1-mini',
    streamed: true,
  });
});

function head() {
  return { status: 200, contentType: 'application/json', contentEncoding: null, ms: 20 };
}

const streamed = { ...head(), contentType: 'text/event-stream; charset=utf-8' };
const chunk = `data: ${completion.replace('"stop"', 'null')}\n\n`;

test('a stream that ended cleanly but before its last event was broken off', () => {
  const record = assembleCall({ ...whole, head: streamed, body: Buffer.from(chunk) }, links);
  expect(record).toMatchObject({ streamed: true, status: 'reset', error: 'the stream ended before its last event' });
});

test('a compressed stream that was cut off is read as far as it goes', () => {
  const events = Array.from({ length: 2000 }, (_, at) => `data: {"id":"chatcmpl-1","n":${at * 7919}}\n\n`).join('');
  const compressed = gzipSync(events);
  const record = assembleCall(
    {
      ...whole,
      head: { ...streamed, contentEncoding: 'gzip' },
      body: compressed.subarray(0, compressed.length / 2),
      closing: { status: 'client_abort', error: null, ms: 30 },
    },
    links,
  );
  expect(record).toMatchObject({ status: 'client_abort', responseId: 'chatcmpl-1', usage: null, costUsd: null });
});

test('a call whose interceptor died was killed, and nobody knows when it ended', () => {
  expect(assembleCall({ ...whole, closing: null }, links)).toMatchObject({ status: 'killed', endedAt: null });
});

test('a call without an answer has no status of HTTP and no first byte', () => {
  const record = assembleCall(
    { ...whole, head: null, body: Buffer.alloc(0), closing: { status: 'reset', error: 'refused', ms: 3 } },
    links,
  );
  expect(record).toMatchObject({ status: 'reset', httpStatus: null, firstByteAt: null, error: 'refused' });
});

test('a model without a known price has no cost, never 0', () => {
  const body = Buffer.from(completion.replace('gpt-4.1-mini-2025-04-14', 'house-model-1'));
  const record = assembleCall({ ...whole, request: { ...whole.request, model: 'house-model' }, body }, links);
  expect(record).toMatchObject({ costUsd: null, usage: { inputTokens: 1000 } });
});

test('a name that the price list lacks falls back on the one that was asked for', () => {
  const body = Buffer.from(completion.replace('gpt-4.1-mini-2025-04-14', 'deployment-7'));
  expect(assembleCall({ ...whole, body }, links).costUsd).toBeCloseTo(0.00041, 12);
});

test('the scripted model costs nothing', () => {
  expect(assembleCall({ ...whole, opening: { ...whole.opening, upstream: 'scripted' } }, links).costUsd).toBe(0);
});

test('no body whatever keeps a call from being recorded', () => {
  const encodings = fc.constantFrom(null, 'gzip', 'br', 'zstd', 'deflate', 'identity', 'rot13');
  const types = fc.constantFrom('application/json', 'text/event-stream', null);
  fc.assert(
    fc.property(fc.uint8Array(), encodings, types, (bytes, contentEncoding, contentType) => {
      const body = Buffer.from(bytes);
      const record = assembleCall({ ...whole, head: { ...head(), contentEncoding, contentType }, body }, links);
      expect(record.responseBytes).toBe(body.length);
    }),
  );
});
