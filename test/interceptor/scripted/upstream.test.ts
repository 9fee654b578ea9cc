import { expect, test } from 'vitest';
import { z } from 'zod';
import { parseJson } from '../../../src/model/json.ts';
import type { ModelScript } from '../../../src/model/task.ts';
import { ask, jsonOf } from '../support/client.ts';
import { type TestInterceptor, startTestInterceptor } from '../support/interceptor.ts';
import { endAttempt } from '../support/projection.ts';

const script: ModelScript = {
  turns: [{ say: 'First I look around.', run: 'ls -la' }, { run: 'touch "a b"' }, { say: 'All is done.' }],
};
const model = 'gpt-4.1-mini';
const parameters = { type: 'object', properties: { cmd: { type: 'string' } }, required: ['cmd'] };

const responsesTools = [{ type: 'function', name: 'exec_command', parameters }];
const item = (at: number) => [
  { type: 'function_call', call_id: `c${at}`, name: 'exec_command', arguments: '{"cmd":"x"}' },
  { type: 'function_call_output', call_id: `c${at}`, output: `output ${at}` },
];
const responsesBody = (outputs: number, more: object = {}) => {
  const input = [{ type: 'message', role: 'user', content: 'go' }, ...[1, 2, 3].slice(0, outputs).flatMap(item)];
  return { model, input, tools: responsesTools, ...more };
};

const chatTools = [{ type: 'function', function: { name: 'bash', parameters } }];
const message = (at: number) => [
  { role: 'assistant', content: null, tool_calls: [{ id: `c${at}`, type: 'function' }] },
  { role: 'tool', tool_call_id: `c${at}`, content: `output ${at}` },
];
const chatBody = (outputs: number, more: object = {}) => {
  const messages = [{ role: 'user', content: 'go' }, ...[1, 2, 3].slice(0, outputs).flatMap(message)];
  return { model, messages, tools: chatTools, ...more };
};

async function play(interceptor: TestInterceptor, token: string, path: string, body: object) {
  return ask({ url: `${interceptor.url}/v1/${path}`, token, body: [JSON.stringify(body)] });
}

const eventSchema = z.looseObject({
  type: z.string().optional(),
  sequence_number: z.int().optional(),
  delta: z.string().optional(),
  item: z.json().optional(),
});

/** The data of each event of a stream. */
function eventsOf(stream: Buffer): string[] {
  return Array.from(stream.toString().matchAll(/^data: (.*)$/gm), ([, data]) => data ?? '');
}

test.each([
  [0, [{ type: 'message', content: [{ text: 'First I look around.' }] }, { arguments: '{"cmd":"ls -la"}' }]],
  [1, [{ type: 'function_call', name: 'exec_command', arguments: '{"cmd":"touch \\"a b\\""}' }]],
  [2, [{ type: 'message', content: [{ text: 'All is done.' }] }]],
  [3, [{ type: 'message', content: [{ text: 'My script for this task ends here.' }] }]],
])('after %d tool outputs it plays the next turn (Responses)', async (outputs, output) => {
  const interceptor = await startTestInterceptor();
  const answer = await play(interceptor, await interceptor.grant({ script }), 'responses', responsesBody(outputs));
  expect(answer.status).toBe(200);
  expect(jsonOf(answer)).toMatchObject({ status: 'completed', model, output });
});

test.each([
  [0, { content: 'First I look around.', tool_calls: [{ function: { name: 'bash', arguments: '{"cmd":"ls -la"}' } }] }],
  [1, { content: null, tool_calls: [{ function: { arguments: '{"cmd":"touch \\"a b\\""}' } }] }],
  [2, { content: 'All is done.' }],
])('after %d tool outputs it plays the next turn (Chat Completions)', async (outputs, expected) => {
  const interceptor = await startTestInterceptor();
  const answer = await play(interceptor, await interceptor.grant({ script }), 'chat/completions', chatBody(outputs));
  expect(jsonOf(answer)).toMatchObject({
    choices: [{ message: expected, finish_reason: 'tool_calls' in expected ? 'tool_calls' : 'stop' }],
  });
});

test('the same request gets the same answer, from a restarted interceptor too', async () => {
  const first = await startTestInterceptor();
  const token = await first.grant({ script });
  const before = await play(first, token, 'responses', responsesBody(1));
  await first.running.stop();
  const second = await startTestInterceptor({ directory: first.directory });
  const after = await play(second, token, 'responses', responsesBody(1));
  expect({ ...Object(jsonOf(after)), created_at: 0 }).toEqual({ ...Object(jsonOf(before)), created_at: 0 });
});

test('without a script it says so and ends', async () => {
  const interceptor = await startTestInterceptor();
  const answer = await play(interceptor, await interceptor.grant(), 'responses', responsesBody(0));
  expect(jsonOf(answer)).toMatchObject({
    output: [{ type: 'message', content: [{ text: expect.stringContaining('no script') }] }],
  });
});

test('a side request that offers no tools gets text alone', async () => {
  const interceptor = await startTestInterceptor();
  const token = await interceptor.grant({ script });
  const answer = await play(interceptor, token, 'responses', { model, input: 'A title for this, please' });
  expect(jsonOf(answer)).toMatchObject({ output: [{ type: 'message' }] });
});

test('a stream of the Responses API adds up to what it ends with', async () => {
  const interceptor = await startTestInterceptor();
  const token = await interceptor.grant({ script });
  const answer = await play(interceptor, token, 'responses', responsesBody(0, { stream: true }));
  expect(answer.headers['content-type']).toBe('text/event-stream; charset=utf-8');
  const events = eventsOf(answer.body).map((data) => parseJson(data, eventSchema));
  expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, at) => at));
  const joined = (type: string) =>
    events
      .filter((event) => event.type === type)
      .map(({ delta }) => delta)
      .join('');
  expect(joined('response.output_text.delta')).toBe('First I look around.');
  expect(joined('response.function_call_arguments.delta')).toBe('{"cmd":"ls -la"}');
  const done = events.filter(({ type }) => type === 'response.output_item.done').map((event) => event.item);
  expect(events.at(-1)).toMatchObject({ type: 'response.completed', response: { status: 'completed', output: done } });
});

test('a stream of Chat Completions ends with its usage where that is asked for, and with [DONE]', async () => {
  const interceptor = await startTestInterceptor();
  const token = await interceptor.grant({ script });
  const body = chatBody(0, { stream: true, stream_options: { include_usage: true } });
  const events = eventsOf((await play(interceptor, token, 'chat/completions', body)).body);
  expect(events.at(-1)).toBe('[DONE]');
  expect(parseJson(events.at(-2) ?? '', z.json())).toMatchObject({
    choices: [],
    usage: { prompt_tokens: expect.any(Number) },
  });
});

test('its calls are recorded like any others, with usage, and cost nothing', async () => {
  const interceptor = await startTestInterceptor();
  const token = await interceptor.grant({ script });
  for (const outputs of [0, 1]) await play(interceptor, token, 'responses', responsesBody(outputs, { stream: true }));
  const bytes = Buffer.byteLength(JSON.stringify(responsesBody(1, { stream: true })));
  const { calls } = await endAttempt(interceptor);
  expect(calls).toMatchObject([
    { upstream: 'scripted', status: 'ok', streamed: true, usage: { cachedTokens: 0 }, costUsd: 0 },
    { status: 'ok', stopReason: 'completed', usage: { inputTokens: Math.ceil(bytes / 4) } },
  ]);
  expect(calls[1]?.usage?.cachedTokens).toBeGreaterThan(0);
});

test('what it cannot read is refused in the form of the dialect', async () => {
  const interceptor = await startTestInterceptor();
  const answer = await play(interceptor, await interceptor.grant({ script }), 'responses', { input: [] });
  expect(answer.status).toBe(400);
  expect(jsonOf(answer)).toMatchObject({ error: { type: 'invalid_request_error' } });
});
