import { describe, expect, test } from 'vitest';
import { streamJsonFailure, streamJsonOutput } from '../../src/agents/stream-json-output.ts';

const read = (...lines: object[]) => {
  const reader = streamJsonOutput();
  return lines.flatMap((line) => reader(JSON.stringify(line)) ?? []);
};

const assistant = (...content: object[]) => ({ type: 'assistant', message: { role: 'assistant', content } });
const user = (...content: object[]) => ({ type: 'user', message: { role: 'user', content } });

describe('lines of Claude Code 2.1.330', () => {
  test('the session, what the model says and thinks', () => {
    const thinking = { type: 'thinking', thinking: 'Hm.', signature: 'x' };
    expect(
      read(
        { type: 'system', subtype: 'init', session_id: 'id-1', tools: ['Bash'] },
        assistant(thinking, { type: 'text', text: 'Hello.' }),
      ),
    ).toEqual([
      { type: 'session', session_id: 'id-1' },
      { type: 'reasoning', text: 'Hm.' },
      { type: 'message', text: 'Hello.' },
    ]);
  });

  test('a command that fails, with its exit code', () => {
    expect(
      read(
        assistant({ type: 'tool_use', id: 'call-1', name: 'Bash', input: { command: 'exit 3', description: 'x' } }),
        user({ type: 'tool_result', tool_use_id: 'call-1', content: 'Exit code 3\nout', is_error: true }),
      ),
    ).toEqual([
      { type: 'tool_call', call_id: 'call-1', tool: 'Bash', input: 'exit 3' },
      { type: 'tool_result', call_id: 'call-1', output: 'Exit code 3\nout', exit_code: 3, failed: true },
    ]);
  });

  test('a tool that is no shell has no exit code, and its result may come in blocks', () => {
    const content = [{ type: 'text', text: 'one' }, { type: 'image' }, { type: 'text', text: 'two' }];
    expect(
      read(
        assistant({ type: 'tool_use', id: 'call-1', name: 'Read', input: { file_path: '/x' } }),
        user({ type: 'tool_result', tool_use_id: 'call-1', content }),
      ),
    ).toEqual([
      { type: 'tool_call', call_id: 'call-1', tool: 'Read', input: '{"file_path":"/x"}' },
      { type: 'tool_result', call_id: 'call-1', output: 'one\n\ntwo', exit_code: null, failed: false },
    ]);
  });

  test("a sub-agent's doings are its own", () => {
    const line = { ...assistant({ type: 'text', text: 'Looking.' }), parent_tool_use_id: 'call-1' };
    expect(read(line)).toEqual([{ type: 'message', text: 'Looking.', sub_agent: 'call-1' }]);
  });

  test('a retry', () => {
    const line = {
      type: 'system',
      subtype: 'api_retry',
      attempt: 2,
      max_retries: 15,
      error_status: 529,
      error: 'overloaded',
    };
    expect(read(line)).toEqual([{ type: 'retry', message: '529, retry 2 of 15' }]);
    expect(read({ ...line, error_status: null })).toEqual([{ type: 'retry', message: 'overloaded, retry 2 of 15' }]);
  });

  test('an end is judged by is_error: its subtype is "success" of failures too', () => {
    const failed = { type: 'result', subtype: 'success', is_error: true, result: 'API Error: 500 made up' };
    const error = { ...assistant({ type: 'text', text: 'API Error: 500 made up' }) };
    expect(read({ ...error, message: { ...error.message, model: '<synthetic>' } }, failed)).toEqual([
      { type: 'notice', message: 'API Error: 500 made up' },
      { type: 'end', reason: 'failed', message: 'API Error: 500 made up' },
    ]);
    expect(read({ type: 'result', subtype: 'success', is_error: false, result: 'Done.' })).toEqual([
      { type: 'end', reason: 'completed', message: null },
    ]);
    expect(streamJsonFailure(`x\n${JSON.stringify(failed)}\n`)).toBe('API Error: 500 made up');
  });
});

test('lines of Qwen Code 0.24.4: its exit code stands near the end, and its error in a place of its own', () => {
  const content = 'Command: exit 3\nDirectory: (root)\nOutput: out\nError: (none)\nExit Code: 3\nSignal: (none)';
  const failed = {
    type: 'result',
    subtype: 'error_during_execution',
    is_error: true,
    error: { message: '[API Error: 401]' },
  };
  expect(
    read(
      assistant({ type: 'tool_use', id: 'call-1', name: 'run_shell_command', input: { command: 'exit 3' } }),
      user({ type: 'tool_result', tool_use_id: 'call-1', content, is_error: true }),
      { type: 'system', subtype: 'retry', data: { reason: 'retry' } },
      failed,
    ),
  ).toEqual([
    { type: 'tool_call', call_id: 'call-1', tool: 'run_shell_command', input: 'exit 3' },
    { type: 'tool_result', call_id: 'call-1', output: content, exit_code: 3, failed: true },
    { type: 'retry', message: 'the call failed' },
    { type: 'end', reason: 'failed', message: '[API Error: 401]' },
  ]);
});

test('what is of no interest is nothing, what is not its format is foreign', () => {
  expect(read({ type: 'stream_event', event: {} }, { type: 'system', subtype: 'task_started' })).toEqual([]);
  expect(read(user({ type: 'text', text: 'the prompt' }), assistant({ type: 'new_kind', of: 'block' }))).toEqual([]);
  const reader = streamJsonOutput();
  expect([reader('Ripgrep not available'), reader('{"no":"type"}'), reader('{')]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(streamJsonFailure('killed')).toBeUndefined();
});
