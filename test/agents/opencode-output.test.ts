import { expect, test } from 'vitest';
import { opencodeFailure, opencodeOutput } from '../../src/agents/opencode-output.ts';

const sessionID = 'ses_1';
const lines = (...all: object[]) => all.map((line) => JSON.stringify({ timestamp: 1, sessionID, ...line }));

function read(...all: object[]) {
  const reader = opencodeOutput();
  return lines(...all).flatMap((line) => reader(line) ?? []);
}

const session = { type: 'session', session_id: sessionID };
const bash = (state: object) => ({ type: 'tool_use', part: { type: 'tool', tool: 'bash', callID: 'call-1', state } });

test('a session, its texts and its end; a step that calls tools is no end', () => {
  expect(
    read(
      { type: 'step_start', part: {} },
      { type: 'reasoning', part: { text: 'Hm.' } },
      { type: 'text', part: { text: 'Hello.' } },
      { type: 'step_finish', part: { reason: 'tool-calls' } },
      { type: 'step_finish', part: { reason: 'stop' } },
    ),
  ).toEqual([
    session,
    { type: 'reasoning', text: 'Hm.' },
    { type: 'message', text: 'Hello.' },
    { type: 'end', reason: 'completed', message: null },
  ]);
});

test('a tool call comes with its result; a command that fails has completed all the same', () => {
  const completed = { status: 'completed', input: { command: 'exit 3' }, output: 'out\n', metadata: { exit: 3 } };
  const refused = { status: 'error', input: { filePath: '/nowhere' }, error: 'File not found: /nowhere' };
  expect(read(bash(completed), bash(refused))).toEqual([
    session,
    { type: 'tool_call', call_id: 'call-1', tool: 'bash', input: 'exit 3' },
    { type: 'tool_result', call_id: 'call-1', output: 'out\n', exit_code: 3, failed: true },
    { type: 'tool_call', call_id: 'call-1', tool: 'bash', input: '{"filePath":"/nowhere"}' },
    { type: 'tool_result', call_id: 'call-1', output: 'File not found: /nowhere', exit_code: null, failed: true },
  ]);
});

test('its list of things to do is a plan', () => {
  const todos = [
    { content: 'look', status: 'completed' },
    { content: 'mend', status: 'pending' },
  ];
  const part = { tool: 'todowrite', callID: 'call-1', state: { status: 'completed', input: { todos } } };
  expect(read({ type: 'tool_use', part })).toEqual([
    session,
    {
      type: 'plan',
      steps: [
        { text: 'look', done: true },
        { text: 'mend', done: false },
      ],
    },
  ]);
});

test('an error ends it', () => {
  const error = { name: 'APIError', data: { message: 'made up 500', statusCode: 500, isRetryable: true } };
  expect(read({ type: 'error', error })).toEqual([session, { type: 'end', reason: 'failed', message: 'made up 500' }]);
  expect(opencodeFailure(`${lines({ type: 'error', error }).join('')}\n`)).toBe('made up 500');
  expect(opencodeFailure(lines({ type: 'error', error: { name: 'UnknownError' } }).join(''))).toBe('UnknownError');
  expect(opencodeFailure('killed')).toBeUndefined();
});

test('what is not its format is foreign', () => {
  const reader = opencodeOutput();
  expect([reader('npm warn'), reader('{"type":"new"}'), reader('{')]).toEqual([undefined, undefined, undefined]);
});
