import { expect, test } from 'vitest';
import { anthropicMessages } from '../../../src/interceptor/dialects/anthropic-messages.ts';

const { reader, errorBody } = anthropicMessages;

const usage = {
  input_tokens: 100,
  cache_read_input_tokens: 1024,
  cache_creation_input_tokens: 76,
  cache_creation: { ephemeral_5m_input_tokens: 12, ephemeral_1h_input_tokens: 64 },
  output_tokens: 80,
  output_tokens_details: { thinking_tokens: 32 },
};
const callUsage = {
  inputTokens: 1200,
  cachedTokens: 1024,
  cacheWriteTokens: 76,
  outputTokens: 80,
  reasoningTokens: 32,
  cacheWriteHourTokens: 64,
};
const model = 'claude-sonnet-4-20250514';
const message = { id: 'msg_1', type: 'message', role: 'assistant', model, content: [], stop_reason: 'end_turn', usage };

const event = (type: string, fields: object = {}) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
const started = { ...message, stop_reason: null, usage: { ...usage, output_tokens: 1, output_tokens_details: null } };
const start = event('message_start', { message: started });
const delta = event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'event: message_stop' } });
const ending = (more: object = {}) => event('message_delta', { delta: { stop_reason: 'tool_use' }, ...more });
const stop = event('message_stop');
const error = { type: 'overloaded_error', message: 'Overloaded' };

test('a request names its model and says whether it wants a stream', () => {
  expect(reader.request(`{"model":"${model}","stream":true,"messages":[]}`)).toEqual({ model, streamed: true });
});

test.each(['', '{"model":"claude', '[]', '{"model":7,"stream":"yes"}'])('%j is a request that says nothing', (body) => {
  expect(reader.request(body)).toEqual({ model: null, streamed: false });
});

test('an answer in one piece: what was cached is part of the input', () => {
  expect(reader.answer(JSON.stringify(message))).toEqual({
    model,
    responseId: 'msg_1',
    stopReason: 'end_turn',
    usage: callUsage,
    error: null,
    isWhole: true,
  });
});

test('an answer that was cut off says nothing', () => {
  expect(reader.answer(JSON.stringify(message).slice(0, -1))).toMatchObject({ usage: null, isWhole: false });
});

test('counted tokens are no usage', () => {
  expect(reader.answer('{"input_tokens":2095}')).toMatchObject({ usage: null, error: null, isWhole: true });
});

test('a stream: what its end says of the usage wins, what it does not say stays', () => {
  const counts = { output_tokens: 80, output_tokens_details: { thinking_tokens: 32 } };
  const stream = start + delta + event('ping') + ending({ usage: counts }) + stop;
  expect(reader.stream(stream)).toEqual({
    model,
    responseId: 'msg_1',
    stopReason: 'tool_use',
    usage: callUsage,
    error: null,
    isWhole: true,
  });
});

test('a stream that tells all of its usage at its end, as some gateways send it', () => {
  const nothing = event('message_start', { message: { ...message, usage: { input_tokens: 0, output_tokens: 0 } } });
  expect(reader.stream(nothing + ending({ usage }) + stop)).toMatchObject({ usage: callUsage });
});

test('of several counts in a stream the last is valid: they are sums', () => {
  const [early, late] = [ending({ usage: { output_tokens: 5 } }), ending({ usage: { output_tokens: 9 } })];
  expect(reader.stream(start + early + late + stop)).toMatchObject({ usage: { inputTokens: 1200, outputTokens: 9 } });
});

test('a stream without names of events', () => {
  const stream = (start + delta + ending({ usage }) + stop).replaceAll(/^event:.*\n/gm, '');
  expect(reader.stream(stream)).toMatchObject({ stopReason: 'tool_use', usage: callUsage, isWhole: true });
});

test('a stream that ended in an error event', () => {
  expect(reader.stream(start + event('error', { error }))).toMatchObject({
    responseId: 'msg_1',
    stopReason: 'error',
    error: 'overloaded_error: Overloaded',
    usage: { inputTokens: 1200, outputTokens: 1 },
    isWhole: true,
  });
});

test('a stream that was cut off knows what it began with, and that it is not whole', () => {
  expect(reader.stream(start + delta + stop.slice(0, -1))).toEqual({
    model,
    responseId: 'msg_1',
    stopReason: null,
    usage: { ...callUsage, outputTokens: 1, reasoningTokens: 0 },
    error: null,
    isWhole: false,
  });
});

test('an error of the provider', () => {
  expect(reader.answer(JSON.stringify({ type: 'error', error, request_id: 'req_1' }))).toMatchObject({
    error: 'overloaded_error: Overloaded',
    usage: null,
  });
});

test.each([
  [400, 'invalid_request_error'],
  [401, 'authentication_error'],
  [403, 'permission_error'],
  [404, 'not_found_error'],
  [413, 'request_too_large'],
  [502, 'api_error'],
])("an error of the interceptor's own with status %d is of type %s", (status, type) => {
  expect(errorBody({ status, code: 'x', message: 'why' })).toEqual({ type: 'error', error: { type, message: 'why' } });
});
