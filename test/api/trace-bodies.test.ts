import { describe, expect, test } from 'vitest';
import { requestJson, responseJson } from '../../src/api/trace-bodies.ts';

const events = (...data: readonly (object | string)[]) =>
  Buffer.from(data.map((one) => `data: ${typeof one === 'string' ? one : JSON.stringify(one)}\n\n`).join(''));

const stream = (dialect: 'openai-responses' | 'openai-chat' | 'other', body: Buffer) =>
  responseJson({ dialect, contentType: 'text/event-stream; charset=utf-8' }, body);

describe('a body', () => {
  test('that is JSON is given as it is', () => {
    expect(requestJson(Buffer.from('{"model":"gpt-5","input":[1,null]}'))).toEqual({
      model: 'gpt-5',
      input: [1, null],
    });
    const answer = responseJson({ dialect: 'openai-chat', contentType: 'application/json' }, Buffer.from('{"id":"c"}'));
    expect(answer).toEqual({ id: 'c' });
  });

  test.each(['', 'plain', '{"cut":', '\xff'])('that is no JSON is null (%j)', (text) => {
    expect(requestJson(Buffer.from(text, 'latin1'))).toBeNull();
  });

  test('nested without measure is null, not the end of the process', () => {
    expect(requestJson(Buffer.from('['.repeat(200_000) + ']'.repeat(200_000)))).toBeNull();
  });
});

describe('a stream of Responses', () => {
  const item = (id: string) => ({ type: 'message', id, content: [] });

  test('is the response of its last event', () => {
    const whole = { id: 'r', status: 'completed', output: [item('m')] };
    const created = { type: 'response.created', response: { id: 'r', status: 'in_progress', output: [] } };
    expect(stream('openai-responses', events(created, { type: 'response.completed', response: whole }))).toEqual(whole);
  });

  test('that was cut off is what was finished of it', () => {
    const created = { type: 'response.created', response: { id: 'r', status: 'in_progress', output: [] } };
    const done = { type: 'response.output_item.done', output_index: 0, item: item('m') };
    const answer = stream(
      'openai-responses',
      events(created, done, { type: 'response.output_text.delta', delta: 'x' }),
    );
    expect(answer).toEqual({ id: 'r', status: 'in_progress', output: [item('m')] });
  });

  test('that said nothing is null', () => {
    expect(stream('openai-responses', Buffer.from(''))).toBeNull();
  });
});

describe('a stream of Chat Completions', () => {
  const chunk = (delta: object, more: object = {}) => ({
    id: 'c',
    object: 'chat.completion.chunk',
    model: 'gpt-5',
    choices: [{ index: 0, delta, finish_reason: null, ...more }],
  });

  test('is one message, its text put together', () => {
    const answer = stream(
      'openai-chat',
      events(
        chunk({ role: 'assistant', content: 'Hel' }),
        chunk({ content: 'lo' }),
        chunk({}, { finish_reason: 'stop' }),
        '[DONE]',
      ),
    );
    expect(answer).toMatchObject({
      id: 'c',
      object: 'chat.completion',
      choices: [{ index: 0, message: { role: 'assistant', content: 'Hello' }, finish_reason: 'stop' }],
    });
  });

  test('is its tool calls, each with its arguments put together', () => {
    const call = (index: number, more: object) => chunk({ tool_calls: [{ index, ...more }] });
    const answer = stream(
      'openai-chat',
      events(
        call(0, { id: 'a', function: { name: 'shell', arguments: '{"cmd"' } }),
        call(1, { id: 'b', function: { name: 'read', arguments: '{}' } }),
        call(0, { function: { arguments: ':"ls"}' } }),
      ),
    );
    expect(answer).toMatchObject({
      choices: [
        {
          message: {
            content: null,
            tool_calls: [
              { id: 'a', type: 'function', function: { name: 'shell', arguments: '{"cmd":"ls"}' } },
              { id: 'b', type: 'function', function: { name: 'read', arguments: '{}' } },
            ],
          },
        },
      ],
    });
  });

  test('has the usage of whichever chunk brought it', () => {
    const usage = { prompt_tokens: 1, completion_tokens: 2 };
    const answer = stream('openai-chat', events(chunk({ content: 'x' }), { id: 'c', choices: [], usage }, '[DONE]'));
    expect(answer).toMatchObject({ usage });
  });
});

test('a stream of an unknown dialect is the list of its events', () => {
  expect(stream('other', events({ a: 1 }, { b: 2 }))).toEqual([{ a: 1 }, { b: 2 }]);
});
