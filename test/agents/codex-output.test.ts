import { expect, test } from 'vitest';
import { codexOutput } from '../../src/agents/codex-output.ts';

function read(...all: object[]) {
  const reader = codexOutput();
  return all.flatMap((line) => reader(JSON.stringify(line)) ?? []);
}

test('a sub-agent is a tool call; codex does not tell what it does, but what it said at its end', () => {
  const item = {
    id: 'item_3',
    type: 'collab_tool_call',
    tool: 'spawn_agent',
    sender_thread_id: 'a',
    receiver_thread_ids: ['b'],
  };
  const states = { b: { status: 'completed', message: 'found it' }, c: { status: 'running', message: null } };
  expect(
    read(
      { type: 'item.started', item: { ...item, prompt: 'look', agents_states: {}, status: 'in_progress' } },
      { type: 'item.completed', item: { ...item, tool: 'wait', agents_states: states, status: 'completed' } },
    ),
  ).toEqual([
    { type: 'tool_call', call_id: 'item_3', tool: 'spawn_agent', input: 'look' },
    { type: 'tool_result', call_id: 'item_3', output: 'found it\nrunning', exit_code: null, failed: false },
  ]);
});

test('a stream that broke is a retry, what its catalogue lacks a remark, a failed turn the end', () => {
  expect(
    read(
      { type: 'error', message: 'Reconnecting... 1/11 (stream disconnected before completion)' },
      { type: 'item.completed', item: { id: 'item_0', type: 'error', message: 'Model metadata for `x` not found.' } },
      { type: 'turn.failed', error: { message: 'exceeded retry limit' } },
    ),
  ).toEqual([
    { type: 'retry', message: 'Reconnecting... 1/11 (stream disconnected before completion)' },
    { type: 'notice', message: 'Model metadata for `x` not found.' },
    { type: 'end', reason: 'failed', message: 'exceeded retry limit' },
  ]);
});
