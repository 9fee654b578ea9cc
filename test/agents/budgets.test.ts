import { expect, onTestFinished, test } from 'vitest';
import { agentFailure } from '../../src/activities/agent-failure.ts';
import { startTestInterceptor } from '../interceptor/support/interceptor.ts';
import { endAttempt } from '../interceptor/support/projection.ts';
import { startFaultyProvider } from './support/faulty-provider.ts';
import { agentNamed, makeWorkplace, runAgent } from './support/run-agent.ts';

const script = { turns: [{ say: 'I make the file.', run: 'printf hi > hello.txt' }, { say: 'It is done.' }] };

const agents = ['codex', 'claude-code', 'opencode', 'qwen-code'];

test.for(agents)('%s gives up at once when its budget is used up', { timeout: 300_000 }, async (name) => {
  const agent = agentNamed(name);
  const provider = await startFaultyProvider(script, () => undefined, onTestFinished);
  const interceptor = await startTestInterceptor({ upstreams: provider.upstreams, atEnd: onTestFinished });
  const token = await interceptor.grant({ budgets: [{ id: 'rollout/rollout-1', calls: 1 }] });
  const place = await makeWorkplace(onTestFinished);
  const signal = AbortSignal.timeout(200_000);
  const { exitCode, output } = await runAgent(agent, { interceptor, token, place, signal });
  const { calls } = await endAttempt(interceptor);
  expect(provider.log).toHaveLength(1);
  // The refused call is the last that it makes: a repeat would be refused, and on record, as well.
  expect(calls.map(({ status }) => status)).toEqual(['ok', 'refused']);
  const end = { kind: 'exited', exitCode: exitCode ?? -1, outputBytes: 0, oomKills: 0 } as const;
  const failure = agentFailure({
    agent,
    end: { ...end, peakMemoryBytes: null, cpuSeconds: null },
    outputTail: output,
    calls,
  });
  expect(failure).toEqual({
    class: 'budget_exhausted',
    message:
      'The budget rollout/rollout-1 of 1 calls is used up: 1 calls are spent, and this call may take up to 1 calls.',
  });
});
