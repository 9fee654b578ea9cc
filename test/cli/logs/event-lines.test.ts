import { expect, test } from 'vitest';
import { eventLines } from '../../../src/cli/logs/event-lines.ts';
import { plain } from '../../../src/cli/output.ts';
import type { EventResponse } from '../../../src/model/event-responses.ts';

type Content = EventResponse extends infer E
  ? E extends EventResponse
    ? Omit<E, 'seq' | 'attempt' | 'at'>
    : never
  : never;

const call = {
  type: 'call_ended',
  call_id: 'c',
  model: 'gpt',
  http_status: 200,
  duration_ms: 1500,
  error: null,
} as const;
const usage = { input_tokens: 1000, cached_tokens: 10, cache_write_tokens: 0, output_tokens: 20, reasoning_tokens: 0 };

test.each<[string, Content, string[]]>([
  ['a phase', { type: 'status', status: 'running' }, ['', '12:00:00  ── the agent works ──']],
  [
    'the end',
    { type: 'status', status: 'completed', reward: 0.5, failure: null },
    ['', '12:00:00  ── completed ──  reward 0.5'],
  ],
  [
    'a failure',
    { type: 'status', status: 'failed', reward: null, failure: { class: 'no_reward', message: 'no number' } },
    ['', '12:00:00  ── failed ──  reward -  no_reward: no number'],
  ],
  ['lines of output', { type: 'log', stream: 'tests', text: 'a\n\u001B[31mb' }, ['a', 'b']],
  ["a sub-agent's word", { type: 'agent', event: { type: 'message', text: 'Hi.', sub_agent: 'x' } }, ['', '┆ Hi.']],
  [
    'a command',
    { type: 'agent', event: { type: 'tool_call', call_id: '1', tool: 'shell', input: 'ls' } },
    ['', '$ ls'],
  ],
  [
    'another tool',
    { type: 'agent', event: { type: 'tool_call', call_id: '1', tool: 'search', input: '{"for":"x"}' } },
    ['', '→ search', '  {"for":"x"}'],
  ],
  ['a call that begins', { type: 'call_started', call_id: 'c', model: null }, ['· asking the model …']],
  [
    'a call that ended well',
    { ...call, status: 'ok', usage, cost_usd: 0.25 },
    ['· gpt  1.5 s  1,000 in (10 cached), 20 out, $0.2500'],
  ],
  [
    'a call without usage and price',
    { ...call, status: 'ok', usage: null, cost_usd: null },
    ['· gpt  1.5 s  no usage reported'],
  ],
  [
    'a call that failed',
    { ...call, status: 'http_error', http_status: 429, usage: null, cost_usd: null, error: 'slow down' },
    ['· gpt  http error (429): slow down'],
  ],
  ["Harbor's own word", { type: 'notice', message: 'no more' }, ['no more']],
])('%s is shown', (_, content, lines) => {
  const at = new Date(2026, 10, 23, 12).toISOString();
  expect(eventLines({ seq: 1, attempt: 1, at, ...content }, plain)).toEqual(lines);
});
