import { expect, test } from 'vitest';
import { openaiChat } from '../../../src/interceptor/dialects/openai-chat.ts';

const { reader } = openaiChat;

const usage = {
  prompt_tokens: 1200,
  completion_tokens: 80,
  total_tokens: 1280,
  prompt_tokens_details: { cached_tokens: 1024 },
  completion_tokens_details: { reasoning_tokens: 32 },
};
const callUsage = { inputTokens: 1200, cachedTokens: 1024, cacheWriteTokens: 0, outputTokens: 80, reasoningTokens: 32 };
const head = { id: 'chatcmpl-1', model: 'gpt-4.1-mini-2025-04-14' };
const chunk = (fields: object) =>
  `data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', ...fields })}\n\n`;
const text = chunk({ choices: [{ index: 0, delta: { content: 'hi' }, finish_reason: null }], usage: null });
const stop = chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'tool_calls' }], usage: null });
const done = 'data: [DONE]\n\n';

test('an answer in one piece', () => {
  const completion = { ...head, choices: [{ index: 0, message: {}, finish_reason: 'stop' }], usage };
  expect(reader.answer(JSON.stringify(completion))).toEqual({
    model: 'gpt-4.1-mini-2025-04-14',
    responseId: 'chatcmpl-1',
    stopReason: 'stop',
    usage: callUsage,
    error: null,
    isWhole: true,
  });
});

test.each([
  ['a last chunk without choices', chunk({ choices: [], usage })],
  ['a last chunk with choices', chunk({ choices: [{ index: 0, delta: {}, finish_reason: null }], usage })],
])('a stream with its usage in %s', (_, last) => {
  expect(reader.stream(text + stop + last + done)).toMatchObject({
    responseId: 'chatcmpl-1',
    stopReason: 'tool_calls',
    usage: callUsage,
    isWhole: true,
  });
});

test('a stream that was not asked for its usage has none', () => {
  expect(reader.stream(text + stop + done)).toMatchObject({ stopReason: 'tool_calls', usage: null, isWhole: true });
});

test('a stream that was cut off is not whole', () => {
  expect(reader.stream(text + stop)).toMatchObject({ model: 'gpt-4.1-mini-2025-04-14', isWhole: false });
});

test('an error in a stream, with a number for its code', () => {
  expect(reader.stream(`${text}data: {"error":{"code":502,"message":"upstream"}}\n\n`)).toMatchObject({
    responseId: 'chatcmpl-1',
    error: '502: upstream',
  });
});
