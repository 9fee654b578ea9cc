import { describe, test } from 'vitest';
import { startTestInterceptor } from '../interceptor/support/interceptor.ts';
import { endAttempt } from '../interceptor/support/projection.ts';
import { type Fault, startFaultyProvider } from './support/faulty-provider.ts';
import { agentNamed, madeFile, makeWorkplace, runAgent } from './support/run-agent.ts';

const fiveMinutes = 300_000;

const script = { turns: [{ say: 'I make the file.', run: 'printf hi > hello.txt' }, { say: 'It is done.' }] };

/** For each agent what it bears least by itself, and what it is given to bear more. */
const cells: readonly { readonly name: string; readonly what: string; readonly fault: Fault }[] = [
  { name: 'codex', what: 'errors: it is set to more retries', fault: { status: 500 } },
  {
    name: 'codex',
    what: 'a busy provider that says it is not: its session is taken up',
    fault: { status: 429, retryAfter: 1 },
  },
  { name: 'claude-code', what: 'errors: it is set to more retries', fault: { status: 529 } },
  { name: 'claude-code', what: 'answers that break off: its session is taken up', fault: 'cut within' },
  { name: 'opencode', what: 'an absent provider: its session is taken up', fault: 'cut before' },
  { name: 'qwen-code', what: 'answers that break off: its session is taken up', fault: 'cut within' },
];

describe('five minutes of a fault, from the second request on, are outlasted', () => {
  test.concurrent.for(cells)('by $name: $what', { timeout: 900_000 }, async ({ name, fault }, context) => {
    const { expect, onTestFinished: atEnd } = context;
    // The first answer comes, so that there is something to lose.
    let since: number | undefined;
    const faults = (n: number, ms: number): Fault | undefined => {
      if (n > 1) since ??= ms;
      return since !== undefined && ms - since < fiveMinutes ? fault : undefined;
    };
    const provider = await startFaultyProvider(script, faults, atEnd);
    const interceptor = await startTestInterceptor({ upstreams: provider.upstreams, atEnd });
    const token = await interceptor.grant();
    const place = await makeWorkplace(atEnd);
    const signal = AbortSignal.timeout(840_000);
    const { exitCode, output, events } = await runAgent(agentNamed(name), { interceptor, token, place, signal });

    expect({ exitCode, output: output.slice(-2000) }).toMatchObject({ exitCode: 0 });
    expect(await madeFile(place)).toBe('hi');
    // One session all the time, and its first command was run but once.
    const sessions = events.flatMap((event) => (event.type === 'session' ? [event.session_id] : []));
    expect(new Set(sessions).size).toBe(1);
    expect(events.filter(({ type }) => type === 'tool_call')).toHaveLength(1);
    const { calls } = await endAttempt(interceptor, 'rollout-1', 1, atEnd);
    expect(calls).toHaveLength(provider.log.length);
  });
});
