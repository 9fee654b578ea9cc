import { expect, test } from 'vitest';
import { openaiResponses } from '../../../src/interceptor/dialects/openai-responses.ts';

const { reader } = openaiResponses;

const usage = {
  input_tokens: 1200,
  input_tokens_details: { cached_tokens: 1024, cache_write_tokens: 64 },
  output_tokens: 80,
  output_tokens_details: { reasoning_tokens: 32 },
  total_tokens: 1280,
};
const callUsage = {
  inputTokens: 1200,
  cachedTokens: 1024,
  cacheWriteTokens: 64,
  outputTokens: 80,
  reasoningTokens: 32,
};
const response = { id: 'resp_1', object: 'response', model: 'gpt-4.1-mini-2025-04-14', status: 'completed', usage };

const event = (type: string, fields: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
const created = event('response.created', { response: { ...response, status: 'in_progress', usage: null } });
const delta = event('response.output_text.delta', { delta: 'event: response.completed' });

test('a request names its model and says whether it wants a stream', () => {
  expect(reader.request('{"model":"gpt-4.1-mini","stream":true,"input":[]}')).toEqual({
    model: 'gpt-4.1-mini',
    streamed: true,
  });
});

test.each(['', '{"model":"gpt', '[]', '{"model":7,"stream":"yes"}'])('%j is a request that says nothing', (body) => {
  expect(reader.request(body)).toEqual({ model: null, streamed: false });
});

test('an answer in one piece', () => {
  expect(reader.answer(JSON.stringify(response))).toEqual({
    model: 'gpt-4.1-mini-2025-04-14',
    responseId: 'resp_1',
    stopReason: 'completed',
    usage: callUsage,
    error: null,
    isWhole: true,
  });
});

test('an answer that was cut off says nothing', () => {
  expect(reader.answer(JSON.stringify(response).slice(0, -1))).toMatchObject({ usage: null, isWhole: false });
});

test('a stream that completed', () => {
  const stream = created + delta + event('response.completed', { response });
  expect(reader.stream(stream)).toMatchObject({
    responseId: 'resp_1',
    stopReason: 'completed',
    usage: callUsage,
    isWhole: true,
  });
});

test('a stream without names of events, as some gateways send it', () => {
  const stream = (created + delta + event('response.completed', { response })).replaceAll(/^event:.*\n/gm, '');
  expect(reader.stream(stream)).toMatchObject({ stopReason: 'completed', usage: callUsage, isWhole: true });
});

test('a stream that ran out of tokens', () => {
  const cut = { ...response, status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } };
  expect(reader.stream(created + event('response.incomplete', { response: cut }))).toMatchObject({
    stopReason: 'max_output_tokens',
    usage: callUsage,
    isWhole: true,
  });
});

test('a stream that failed', () => {
  const failed = { ...response, status: 'failed', usage: null, error: { code: 'server_error', message: 'try again' } };
  expect(reader.stream(created + event('response.failed', { response: failed }))).toMatchObject({
    stopReason: 'failed',
    usage: null,
    error: 'server_error: try again',
    isWhole: true,
  });
});

test('a stream that ended in an error event', () => {
  expect(reader.stream(created + event('error', { code: 'overloaded', message: 'later' }))).toMatchObject({
    responseId: 'resp_1',
    stopReason: 'error',
    error: 'overloaded: later',
  });
});

test('a stream that was cut off knows its id and model, and that it is not whole', () => {
  const stream = created + delta + event('response.completed', { response }).slice(0, -1);
  expect(reader.stream(stream)).toEqual({
    model: 'gpt-4.1-mini-2025-04-14',
    responseId: 'resp_1',
    stopReason: null,
    usage: null,
    error: null,
    isWhole: false,
  });
});

test('an error of the provider', () => {
  const body =
    '{"error":{"message":"no such model","type":"invalid_request_error","param":null,"code":"model_not_found"}}';
  expect(reader.answer(body)).toMatchObject({ error: 'model_not_found: no such model', usage: null });
});
