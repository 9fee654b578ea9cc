import { describe, expect, test } from 'vitest';
import { type AgentEnd, agentFailure, timeoutFailure } from '../../src/activities/agent-failure.ts';
import { codex } from '../../src/agents/codex.ts';
import { entrypoint } from '../../src/agents/entrypoint.ts';

const exited = (exitCode: number, oomKills: number | null = 0) =>
  ({ kind: 'exited', exitCode, outputBytes: 0, oomKills, peakMemoryBytes: null, cpuSeconds: null }) as const;
const call = (status: AgentEnd['calls'][number]['status'], httpStatus: number | null = null) => ({
  status,
  httpStatus,
  error: null,
});
const failureOf = (what: Partial<AgentEnd>) =>
  agentFailure({ agent: codex, end: exited(1), outputTail: '', calls: [call('ok', 200)], ...what });

describe('why an agent failed', () => {
  test.each<[string, Partial<AgentEnd>, string | undefined]>([
    ['exit code 0, whatever its calls came to', { end: exited(0), calls: [call('http_error', 500)] }, undefined],
    ['neither process nor exit code', { end: { kind: 'cut-off' } }, 'sandbox_lost'],
    ['the kernel killed for want of memory', { end: exited(137, 1) }, 'out_of_memory'],
    ['no memory kills are known', { end: exited(137, null) }, 'agent_failed'],
    [
      'the provider refused its last call',
      { calls: [call('ok', 200), call('http_error', 400)] },
      'model_provider_failed',
    ],
    ['the provider broke its last call off', { calls: [call('reset', 200)] }, 'model_provider_failed'],
    [
      'the provider failed before, but not at last',
      { calls: [call('http_error', 500), call('ok', 200)] },
      'agent_failed',
    ],
    [
      'a call did not fit into its budget, and it tried another',
      { calls: [call('ok', 200), call('refused', 400), call('http_error', 400)] },
      'budget_exhausted',
    ],
    ['the interceptor died over its last call', { calls: [call('killed')] }, 'internal'],
    ['it hung up itself', { calls: [call('client_abort')] }, 'agent_failed'],
    ['it never called, and says nothing', { calls: [] }, 'agent_failed'],
    [
      'its loader is not the one that it was built for',
      { calls: [], outputTail: "codex: /lib/libc.so.6: version `GLIBC_2.28' not found (required by codex)" },
      'agent_unsupported',
    ],
    [
      'a library is not there',
      { calls: [], outputTail: 'Error loading shared library libstdc++.so.6: No such file (needed by opencode)' },
      'agent_unsupported',
    ],
    [
      'its program has another processor',
      { calls: [], outputTail: 'sh: 1: codex: Exec format error' },
      'agent_unsupported',
    ],
    [
      "the image's own command cannot start: its own matter",
      { agent: entrypoint, calls: [], outputTail: 'sh: 1: x: Exec format error' },
      'agent_failed',
    ],
  ])('%s', (_, what, failureClass) => {
    expect(failureOf(what)?.class).toBe(failureClass);
  });

  test('is told in its own words where it has some', () => {
    const outputTail = '{"type":"turn.failed","error":{"message":"the context is full"}}\n';
    expect(failureOf({ outputTail })).toEqual({ class: 'agent_failed', message: 'codex: the context is full' });
    expect(failureOf({ end: exited(3) })?.message).toBe('codex ended with exit code 3');
  });
});

describe('an agent whose time is up', () => {
  const at = (second: number) => new Date(second * 1000);
  const from = (start: number, end: number, ...what: Parameters<typeof call>) => ({
    ...call(...what),
    startedAt: at(start),
    endedAt: at(end),
  });

  test.each([
    ['never called', [], 'agent_timeout'],
    ['works on after an answer', [from(0, 9, 'ok', 200)], 'agent_timeout'],
    ['got its answer at last', [from(0, 9, 'http_error', 500), from(10, 20, 'ok', 200)], 'agent_timeout'],
    ['was just refused', [from(0, 250, 'ok', 200), from(251, 252, 'http_error', 500)], 'agent_timeout'],
    ['was refused for minutes', [from(0, 9, 'ok', 200), from(10, 11, 'http_error', 500)], 'model_provider_failed'],
    ['never got an answer', [from(0, 1, 'reset'), from(2, 300, 'revoked')], 'model_provider_failed'],
    ['was just being answered', [from(0, 1, 'reset'), from(2, 300, 'revoked', 200)], 'agent_timeout'],
  ])('and that %s', (_, calls, failureClass) => {
    expect(timeoutFailure(300, calls, at(300)).class).toBe(failureClass);
  });
});
