import type { Agent } from '../agents/agent.ts';
import type { CallRecord } from '../model/call.ts';
import type { Failure } from '../model/failures.ts';
import type { AttemptRef } from '../model/stages.ts';
import type { CommandEnd } from '../sandboxes/provider.ts';
import type { Store } from '../store/store.ts';

/** What is known of an agent that ended by itself. */
export interface AgentEnd {
  readonly agent: Agent;
  readonly end: CommandEnd;
  /** The last of its output. */
  readonly outputTail: string;
  /** Its LLM calls, in the order in which they began. */
  readonly calls: readonly Pick<CallRecord, 'status' | 'httpStatus' | 'error'>[];
  /** The fault of Harbor's that cut it off, where one did. */
  readonly cutOff?: string | undefined;
}

/** The LLM calls of one attempt, as far as they are in the store. */
export async function agentCalls({ calls }: Store, { rolloutId, attempt }: AttemptRef): Promise<readonly CallRecord[]> {
  return (await calls.list(rolloutId)).filter((call) => call.attempt === attempt);
}

/** Why an agent failed; null where it did not. */
export function agentFailure({ agent, end, outputTail, calls, cutOff }: AgentEnd): Failure | null {
  if (end.kind === 'cut-off') {
    return {
      class: 'sandbox_lost',
      message: 'the agent was killed from outside: neither its process nor its exit code is left',
    };
  }
  const { exitCode, oomKills } = end;
  if (exitCode === 0) return null;
  if (oomKills !== null && oomKills > 0) {
    return {
      class: 'out_of_memory',
      message: `the agent ended with exit code ${exitCode} after the kernel killed ${oomKills} of its processes for want of memory`,
    };
  }
  return (
    budgetFailure(calls) ??
    (cutOff === undefined ? undefined : { class: 'internal', message: `the agent was cut off: ${cutOff}` }) ??
    callFailure(calls.at(-1)) ??
    (calls.length === 0 && agent.toolbox ? startFailure(agent, outputTail) : undefined) ??
    agent.explainFailure(outputTail, exitCode) ?? {
      class: 'agent_failed',
      message: `${agent.name} ended with exit code ${exitCode}`,
    }
  );
}

/** An agent that was refused a call for want of budget has no way to go on, whatever else it may have tried after it. */
function budgetFailure(calls: AgentEnd['calls']): Failure | undefined {
  const refused = calls.findLast(({ status }) => status === 'refused');
  return refused && { class: 'budget_exhausted', message: refused.error ?? 'the budget is used up' };
}

/** An agent that gave up on its last call did so for the sake of whoever failed to answer it. */
function callFailure(last: Pick<CallRecord, 'status' | 'httpStatus'> | undefined): Failure | undefined {
  if (last?.status === 'http_error') {
    return {
      class: 'model_provider_failed',
      message: `the LLM provider answered ${last.httpStatus} to the agent's last call`,
    };
  }
  if (last?.status === 'reset') {
    return {
      class: 'model_provider_failed',
      message: "the LLM provider could not be reached for the agent's last call, or broke off",
    };
  }
  return last?.status === 'killed'
    ? { class: 'internal', message: "the interceptor died over the agent's last call" }
    : undefined;
}

/** Seconds without a whole answer after which it is the provider that uses up the agent's time. */
const awaySeconds = 60;

/** What an agent failed of whose time was up at `until`. Its calls as in {@link AgentEnd}. */
export function timeoutFailure(
  seconds: number,
  calls: readonly Pick<CallRecord, 'status' | 'httpStatus' | 'startedAt' | 'endedAt' | 'error'>[],
  until: Date,
): Failure {
  const budget = calls.at(-1)?.status === 'refused' ? budgetFailure(calls) : undefined;
  if (budget) return budget;
  const lastWhole = calls.findLastIndex(({ status }) => status === 'ok');
  const since = calls[lastWhole]?.endedAt ?? calls[0]?.startedAt ?? until;
  const vain = calls.slice(lastWhole + 1);
  const isAnswering = calls.at(-1)?.status === 'revoked' && calls.at(-1)?.httpStatus === 200;
  const isAway = vain.some((call) => callFailure(call)) && !isAnswering;
  if (isAway && until.getTime() - since.getTime() > awaySeconds * 1000) {
    return {
      class: 'model_provider_failed',
      message: `the agent's time of ${seconds} seconds was up after ${vain.length} calls that the LLM provider did not answer`,
    };
  }
  return { class: 'agent_timeout', message: `the agent was stopped after ${seconds} seconds` };
}

/** What the system says of a program that this image cannot start after all. */
const cannotStart =
  /^.*(version `GLIBC\w*_[\d.]+' not found|error while loading shared libraries|Error loading shared library|Exec format error|required file not found|\/opt\/harbor\/agents\/.*: not found).*$/m;

function startFailure({ name }: Agent, output: string): Failure | undefined {
  const line = cannotStart.exec(output)?.[0];
  return line === undefined
    ? undefined
    : { class: 'agent_unsupported', message: `${name} cannot start in this image: ${line.trim()}` };
}
