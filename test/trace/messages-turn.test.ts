import { expect, test } from 'vitest';
import type { Json } from '../../src/model/json.ts';
import { readTurn } from '../../src/trace/read-turn.ts';
import { givenIn } from '../../src/trace/turn.ts';

const dialect = 'anthropic-messages';
const text = (words: string) => ({ type: 'text', text: words });
const toolUse = (id: string, command: string) => ({ type: 'tool_use', id, name: 'Bash', input: { command } });
const toolResult = (id: string, content: Json) => ({ type: 'tool_result', tool_use_id: id, content });

const request = {
  model: 'claude-sonnet-4-20250514',
  system: [text('You are a coding agent.'), text('Be brief.')],
  messages: [
    { role: 'user', content: [text('<system-reminder>It is Tuesday.</system-reminder>'), text('Mend it.')] },
    {
      role: 'assistant',
      content: [{ type: 'thinking', thinking: 'Hm.', signature: 'x' }, text('I look.'), toolUse('a', 'ls')],
    },
    { role: 'user', content: [toolResult('a', [text('list.py\n'), { type: 'image', source: {} }]), text('Go on.')] },
  ],
};
const message = (role: string, words: string) => ({ kind: 'message', role, text: words });

test('a request is told block by block, with what the model had said before', () => {
  const { conversation } = readTurn({ dialect, request, response: null });
  expect(conversation).toEqual([
    message('system', 'You are a coding agent.'),
    message('system', 'Be brief.'),
    message('user', '<system-reminder>It is Tuesday.</system-reminder>'),
    message('user', 'Mend it.'),
    { kind: 'said', answer: { kind: 'thought', text: 'Hm.' } },
    { kind: 'said', answer: { kind: 'text', text: 'I look.' } },
    { kind: 'said', answer: { kind: 'tool', callId: 'a', name: 'Bash', input: '{"command":"ls"}' } },
    { kind: 'result', callId: 'a', text: 'list.py\n[image]' },
    message('user', 'Go on.'),
  ]);
});

test('what others told the model leaves out what it said itself', () => {
  const given = givenIn(readTurn({ dialect, request, response: null }));
  expect(given.map(({ kind }) => kind)).toEqual(['message', 'message', 'message', 'message', 'result', 'message']);
});

test('system and messages may be plain texts', () => {
  const plain = { system: 'Be brief.', messages: [{ role: 'user', content: 'Hello' }] };
  expect(readTurn({ dialect, request: plain, response: null }).conversation).toEqual([
    message('system', 'Be brief.'),
    message('user', 'Hello'),
  ]);
});

test('an answer is its thoughts, words and tools, in their order', () => {
  const redacted = { type: 'redacted_thinking', data: 'x' };
  const search = { type: 'server_tool_use', id: 's', name: 'web_search', input: { query: 'q' } };
  const content = [{ type: 'thinking', thinking: 'Hm.' }, redacted, text('I look.'), toolUse('a', 'ls'), search];
  expect(readTurn({ dialect, request: null, response: { content } }).answered).toEqual([
    { kind: 'thought', text: 'Hm.' },
    { kind: 'text', text: 'I look.' },
    { kind: 'tool', callId: 'a', name: 'Bash', input: '{"command":"ls"}' },
    { kind: 'tool', callId: 's', name: 'web_search', input: '{"query":"q"}' },
  ]);
});

test("a tool's input that was cut off stays the text that came of it", () => {
  const response = { content: [{ type: 'tool_use', id: 'a', name: 'Bash', input: '{"command":"l' }] };
  expect(readTurn({ dialect, request: null, response }).answered).toMatchObject([{ input: '{"command":"l' }]);
});

test.each<Json>([null, 'text', [], { messages: 'none', content: 7 }, { type: 'error', error: { message: 'no' } }])(
  'what is no message says nothing: %j',
  (body) => {
    expect(readTurn({ dialect, request: body, response: body })).toEqual({ conversation: [], answered: [] });
  },
);
