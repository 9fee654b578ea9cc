import { describe, test } from 'vitest';
import { agentFailure } from '../../src/activities/agent-failure.ts';
import { endAttempt } from '../interceptor/support/projection.ts';
import { startTestInterceptor } from '../interceptor/support/interceptor.ts';
import { type Fault, startFaultyProvider } from './support/faulty-provider.ts';
import { limit } from './support/limit.ts';
import { agentNamed, madeFile, makeWorkplace, runAgent } from './support/run-agent.ts';

/** Of the agents' own retries, with `retries: own`. Numbers are requests in all; seen on 2026-11-24 with the pinned versions. */
type Outcome =
  /** It did its work, and ended with exit code 0. */
  | { readonly works: number }
  /** It gave up after so many at least, and at most: exit code 1, no file, the provider's fault. */
  | { readonly fails: readonly [number, number] }
  /** After a minute it has asked so often at least, and does not give up. */
  | { readonly tries: number };

const works = (requests: number): Outcome => ({ works: requests });
const fails = (least: number, most = least): Outcome => ({ fails: [least, most] });
const tries = (requests: number): Outcome => ({ tries: requests });

const always = Infinity;
const busy = (seconds: number): Fault => ({ status: 429, retryAfter: seconds });

const agents = ['codex', 'claude-code', 'opencode', 'qwen-code'];

// oxfmt-ignore
const table: readonly (readonly [fault: Fault, times: number, ...outcomes: Outcome[]])[] = [
  // fault          how often  codex      claude-code  opencode   qwen-code
  [{ status: 500 }, always,    fails(30), fails(11),   fails(6),  fails(28)],
  [{ status: 503 }, always,    fails(30), fails(11),   fails(6),  tries(12)],
  [{ status: 529 }, always,    fails(30), fails(11),   fails(6),  fails(28)],
  [busy(1),         always,    fails(6),  fails(11),   fails(6),  tries(28)],
  [{ status: 401 }, always,    fails(6),  fails(11),   fails(1),  fails(1)],
  [{ status: 404 }, always,    fails(6),  fails(2),    fails(6),  fails(1)],
  [{ status: 403 }, always,    fails(6),  fails(1),    fails(1),  fails(1)],
  [{ status: 400 }, always,    fails(1),  fails(6),    fails(1),  fails(1)],
  ['cut within',    always,    fails(6),  fails(4, 14), fails(6), fails(4)],
  [{ status: 500 }, 2,         works(4),  works(4),    works(4),  works(4)],
  [{ status: 503 }, 2,         works(4),  works(4),    works(4),  works(4)],
  [{ status: 529 }, 2,         works(4),  works(4),    works(4),  works(4)],
  [busy(3),         2,         works(4),  works(4),    works(4),  works(4)],
  ['cut before',    2,         works(4),  works(4),    works(4),  works(4)],
  ['cut within',    1,         works(3),  works(3),    works(3),  works(3)],
  ['ends early',    1,         works(3),  works(3),    works(3),  works(3)],
];

const script = { turns: [{ say: 'I make the file.', run: 'printf hi > hello.txt' }, { say: 'It is done.' }] };

/** Most of the time they wait. But OpenCode takes five seconds of two cores to start, and 640 MB. */
const few = limit(3);
const many = limit(8);

describe.concurrent.each(agents.map((name, index) => ({ name, index })))('$name, left to itself', ({ name, index }) => {
  const rows = table.flatMap(([fault, times, ...outcomes]) => {
    const outcome = outcomes[index];
    return outcome ? [{ what: describeFault(fault, times), fault, times, outcome }] : [];
  });

  test.concurrent.for(rows)('$what', { timeout: 900_000 }, async (row, { expect, onTestFinished: atEnd }) => {
    const { fault, times, outcome } = row;
    const agent = agentNamed(name);
    await (name === 'opencode' ? few : many)(async () => {
      const provider = await startFaultyProvider(script, (n) => (n <= times ? fault : undefined), atEnd);
      const interceptor = await startTestInterceptor({ upstreams: provider.upstreams, atEnd });
      const token = await interceptor.grant();
      const place = await makeWorkplace(atEnd);
      const signal = AbortSignal.timeout('tries' in outcome ? 60_000 : 400_000);
      const settings = { retries: 'own' };
      const { exitCode, output } = await runAgent(agent, { interceptor, token, place, settings, signal });

      const { calls } = await endAttempt(interceptor, 'rollout-1', 1, atEnd);
      const requests = provider.log.length;
      const file = await madeFile(place);
      if ('tries' in outcome) {
        expect(requests).toBeGreaterThanOrEqual(outcome.tries);
        expect({ file, byItself: exitCode === 0 || exitCode === 1 }).toEqual({ file: undefined, byItself: false });
        return;
      }
      const wanted = 'works' in outcome ? { exitCode: 0, file: 'hi' } : { exitCode: 1, file: undefined };
      const [least, most] = 'works' in outcome ? [outcome.works, outcome.works] : outcome.fails;
      expect({ exitCode, file, output }).toEqual({ ...wanted, output });
      expect(requests).toBeGreaterThanOrEqual(least);
      expect(requests).toBeLessThanOrEqual(most);
      // Every request is on record, as what it came to.
      const seen = calls.map(({ status, httpStatus }) => ({ status, httpStatus }));
      expect(seen).toEqual(provider.log.map((entry) => recorded(entry.fault)));
      const failure = agentFailure({ agent, end: exited(exitCode ?? 1), outputTail: output, calls });
      expect(failure?.class).toBe('works' in outcome ? undefined : 'model_provider_failed');
    });
  });
});

const exited = (exitCode: number) =>
  ({ kind: 'exited', exitCode, outputBytes: 0, oomKills: 0, peakMemoryBytes: null, cpuSeconds: null }) as const;

function describeFault(fault: Fault, times: number): string {
  const what =
    typeof fault === 'string'
      ? fault
      : `${fault.status}${fault.retryAfter === undefined ? '' : `, Retry-After: ${fault.retryAfter}`}`;
  return `${what}, ${times === always ? 'always' : `${times} times`}`;
}

/** How the interceptor records a request that got this. */
function recorded(fault: Fault | undefined) {
  if (fault === undefined) return { status: 'ok', httpStatus: 200 };
  if (typeof fault === 'object') return { status: 'http_error', httpStatus: fault.status };
  return { status: 'reset', httpStatus: fault === 'cut before' ? null : 200 };
}
