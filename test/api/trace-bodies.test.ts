import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { requestJson, responseJson } from '../../src/api/trace-bodies.ts';
import type { Dialect } from '../../src/model/call.ts';

const events = (...data: readonly (object | string)[]) =>
  Buffer.from(data.map((one) => `data: ${typeof one === 'string' ? one : JSON.stringify(one)}\n\n`).join(''));

const stream = (dialect: Dialect, body: Buffer) =>
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

  test.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
    ['deflate', deflateSync],
  ])('that is compressed with %s is read, in whichever direction it went', (_, compress) => {
    expect(requestJson(compress('{"model":"gpt-5"}'))).toEqual({ model: 'gpt-5' });
    const answer = compress('data: {"id":"c","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\ndata: [DONE]\n\n');
    expect(stream('openai-chat', answer)).toMatchObject({ choices: [{ message: { content: 'Hi' } }] });
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

  test('keeps the reasoning, the token ids and the log-probabilities that came with its pieces', () => {
    const piece = (content: string, tokenIds: number[]) => {
      const logprobs = { content: tokenIds.map((id) => ({ token: String(id), logprob: -id / 10 })) };
      return chunk({ content, reasoning_content: content.toUpperCase() }, { logprobs, token_ids: tokenIds });
    };
    const first = { ...piece('a', [1, 2]), prompt_token_ids: [7, 8, 9] };
    expect(stream('openai-chat', events(first, piece('b', [3]), '[DONE]'))).toMatchObject({
      prompt_token_ids: [7, 8, 9],
      choices: [
        {
          message: { content: 'ab', reasoning_content: 'AB' },
          token_ids: [1, 2, 3],
          logprobs: { content: [{ logprob: -0.1 }, { logprob: -0.2 }, { logprob: -0.3 }] },
        },
      ],
    });
  });
});

describe('a stream of Messages', () => {
  const start = {
    type: 'message_start',
    message: { id: 'm', role: 'assistant', content: [], usage: { input_tokens: 9 } },
  };
  const block = (index: number, content_block: object) => ({ type: 'content_block_start', index, content_block });
  const delta = (index: number, piece: object) => ({ type: 'content_block_delta', index, delta: piece });
  const json = (index: number, partial_json: string) => delta(index, { type: 'input_json_delta', partial_json });
  const end = { type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 5 } };
  const whole = (...said: readonly object[]) => stream('anthropic-messages', events(...said));

  test('is one message, its thoughts, texts and inputs put together', () => {
    const message = whole(
      start,
      block(0, { type: 'thinking', thinking: '', signature: '' }),
      { type: 'ping' },
      delta(0, { type: 'thinking_delta', thinking: 'H' }),
      delta(0, { type: 'thinking_delta', thinking: 'm' }),
      delta(0, { type: 'signature_delta', signature: 'xyz' }),
      block(1, { type: 'text', text: '' }),
      delta(1, { type: 'text_delta', text: 'I ' }),
      block(2, { type: 'tool_use', id: 'a', name: 'Bash', input: {} }),
      json(2, '{"comm'),
      delta(1, { type: 'text_delta', text: 'look.' }),
      json(2, 'and":"ls"}'),
      block(3, { type: 'tool_use', id: 'b', name: 'Wait', input: {} }),
      end,
      { type: 'message_stop' },
    );
    expect(message).toEqual({
      id: 'm',
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'Hm', signature: 'xyz' },
        { type: 'text', text: 'I look.' },
        { type: 'tool_use', id: 'a', name: 'Bash', input: { command: 'ls' } },
        { type: 'tool_use', id: 'b', name: 'Wait', input: {} },
      ],
      stop_reason: 'tool_use',
      usage: { input_tokens: 9, output_tokens: 5 },
    });
  });

  test('that was cut off is what came of it', () => {
    const cut = whole(start, block(0, { type: 'tool_use', id: 'a', name: 'Bash', input: {} }), json(0, '{"comm'));
    expect(cut).toMatchObject({ id: 'm', content: [{ type: 'tool_use', id: 'a', input: '{"comm' }] });
  });

  test('that ended in an error says so', () => {
    const error = { type: 'overloaded_error', message: 'Overloaded' };
    expect(whole(start, { type: 'error', error })).toMatchObject({ id: 'm', content: [], error });
  });

  test('that said nothing is null', () => {
    expect(whole({ type: 'ping' })).toBeNull();
  });
});

test('a stream of an unknown dialect is the list of its events', () => {
  expect(stream('other', events({ a: 1 }, { b: 2 }))).toEqual([{ a: 1 }, { b: 2 }]);
});
