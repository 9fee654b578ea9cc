import { expect, test } from 'vitest';
import { z } from 'zod';
import { anthropicMessages } from '../../../src/interceptor/dialects/anthropic-messages.ts';
import { readEvents } from '../../../src/interceptor/dialects/server-sent-events.ts';
import { parseJson } from '../../../src/model/json.ts';
import type { ModelScript } from '../../../src/model/task.ts';
import { ask, jsonOf } from '../support/client.ts';
import { type TestInterceptor, startTestInterceptor } from '../support/interceptor.ts';
import { endAttempt } from '../support/projection.ts';

const script: ModelScript = {
  turns: [{ say: 'First I look around.', run: 'ls -la' }, { run: 'touch "a b"' }, { say: 'All is done.' }],
};
const model = 'claude-sonnet-4-20250514';
const text = { type: 'string' };
const tools = [
  { type: 'web_search_20250305', name: 'web_search' },
  { name: 'Read', description: 'Reads a file.', input_schema: { type: 'object', properties: { file_path: text } } },
  {
    name: 'Bash',
    description: 'Runs a command.',
    input_schema: { type: 'object', properties: { command: text, description: text }, required: ['command'] },
  },
];
const turn = (at: number) => [
  { role: 'assistant', content: [{ type: 'tool_use', id: `t${at}`, name: 'Bash', input: { command: 'x' } }] },
  {
    role: 'user',
    content: [
      { type: 'tool_result', tool_use_id: `t${at}`, content: `output ${at}` },
      { type: 'text', text: '<system-reminder>' },
    ],
  },
];
const bodyOf = (outputs: number, more: object = {}) => {
  const messages = [{ role: 'user', content: 'go' }, ...[1, 2, 3].slice(0, outputs).flatMap(turn)];
  return { model, max_tokens: 1000, messages, tools, ...more };
};

async function play(interceptor: TestInterceptor, body: object, path = 'messages?beta=true') {
  const token = await interceptor.grant({ script });
  return ask({ url: `${interceptor.url}/v1/${path}`, headers: { 'x-api-key': token }, body: [JSON.stringify(body)] });
}

const said = { type: 'text', text: 'First I look around.' };

test.each([
  [0, 'tool_use', [said, { type: 'tool_use', name: 'Bash', input: { command: 'ls -la' } }]],
  [1, 'tool_use', [{ type: 'tool_use', name: 'Bash', input: { command: 'touch "a b"' } }]],
  [2, 'end_turn', [{ type: 'text', text: 'All is done.' }]],
  [3, 'end_turn', [{ type: 'text', text: 'My script for this task ends here.' }]],
])('after %d tool results it plays the next turn', async (outputs, stopReason, content) => {
  const answer = await play(await startTestInterceptor(), bodyOf(outputs));
  expect(answer.status).toBe(200);
  expect(jsonOf(answer)).toMatchObject({ type: 'message', role: 'assistant', model, stop_reason: stopReason, content });
});

const eventSchema = z.looseObject({
  type: z.string(),
  delta: z.looseObject({ text: z.string().optional(), partial_json: z.string().optional() }).optional(),
});

test('a stream adds up to the answer in one piece', async () => {
  const interceptor = await startTestInterceptor();
  const whole = await play(interceptor, bodyOf(0));
  const streamed = await play(interceptor, bodyOf(0, { stream: true }));
  expect(streamed.headers['content-type']).toBe('text/event-stream; charset=utf-8');
  const events = [...readEvents(String(streamed.body))].map(({ data }) => parseJson(data, eventSchema));
  const order = 'message_start start delta delta delta delta stop start delta delta stop message_delta message_stop';
  expect(events.map(({ type }) => type.replace('content_block_', '')).join(' ')).toBe(order);
  expect(events.map(({ delta }) => delta?.text ?? '').join('')).toBe('First I look around.');
  expect(events.map(({ delta }) => delta?.partial_json ?? '').join('')).toBe('{"command":"ls -la"}');
  const { reader } = anthropicMessages;
  const { usage, stopReason } = reader.answer(String(whole.body));
  expect(reader.stream(String(streamed.body))).toMatchObject({
    stopReason,
    isWhole: true,
    usage: { outputTokens: usage?.outputTokens },
  });
});

test('it counts the tokens of a request as it reports them', async () => {
  const interceptor = await startTestInterceptor();
  const counted = await play(interceptor, bodyOf(1), 'messages/count_tokens?beta=true');
  await play(interceptor, bodyOf(1));
  const tokens = Math.ceil(JSON.stringify(bodyOf(1)).length / 4);
  expect(jsonOf(counted)).toEqual({ input_tokens: tokens });
  const { calls } = await endAttempt(interceptor);
  expect(calls).toMatchObject([
    { path: '/v1/messages/count_tokens?beta=true', status: 'ok', usage: null, costUsd: null },
    { path: '/v1/messages?beta=true', status: 'ok', usage: { inputTokens: tokens }, costUsd: 0 },
  ]);
  expect(calls[1]?.usage?.cachedTokens).toBeGreaterThan(0);
});

test('what it cannot read is refused in the form of the dialect', async () => {
  const answer = await play(await startTestInterceptor(), { model });
  expect(answer.status).toBe(400);
  expect(jsonOf(answer)).toMatchObject({ type: 'error', error: { type: 'invalid_request_error' } });
});
