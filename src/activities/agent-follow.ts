import type { AgentCommand } from '../agents/agent.ts';
import type { CommandEnd } from '../sandboxes/provider.ts';
import type { AttemptRow } from '../store/attempts.ts';
import type { ActivityScope } from './activity.ts';
import type { AttemptOutput } from './attempt-output.ts';
import { absentMs } from './cut-off.ts';
import type { ActivityDeps } from './deps.ts';
import { enter } from './enter.ts';
import type { StoredRollout } from './planning.ts';
import { harborFolder } from './sandbox-layout.ts';
import { hasToStop, standingOf } from './standing.ts';
import { leastLookMs, millisecondsLeft } from './time-left.ts';

/** Why an agent was ended from outside. */
export type Stopped = 'timeout' | 'cancelled' | undefined;

export interface Followed {
  readonly end: CommandEnd;
  readonly stopped: Stopped;
}

/** One of the commands of an agent's session. */
export interface SessionCommand {
  readonly id: string;
  readonly command: AgentCommand;
  /** Bytes of the attempt's log before its own output. */
  readonly offset: number;
}

/** An agent's work in one attempt, and who follows it. */
export interface AgentSession {
  readonly deps: ActivityDeps;
  readonly rollout: StoredRollout;
  readonly row: AttemptRow;
  readonly output: AttemptOutput;
  readonly scope: ActivityScope;
}

/**
 * Starts a command of the agent, or finds it at work, and follows it. When its time is up or somebody cancels, its token
 * dies first, so that nothing more is spent, then every process in the sandbox; what it had written until then is read.
 */
export async function followCommand(session: AgentSession, command: SessionCommand): Promise<Followed> {
  const { deps, rollout, row, scope } = session;
  const { signal } = scope;
  for (let left = agentMsLeft(rollout, row, row.pausedMs); ;) {
    const deadline = AbortSignal.timeout(left);
    try {
      return { end: await run(session, command, AbortSignal.any([signal, deadline])), stopped: undefined };
    } catch (error) {
      const cancelled = await hasToStop(deps.client, scope);
      if (!cancelled) {
        if (!deadline.aborted || signal.aborted) throw error;
        // A worker that slept over its agent's end must not stop the tests that another one runs there meanwhile.
        await enter(deps.store, row, 'running', scope);
        if ((await standingOf(deps.client, scope)) === 'superseded') throw error;
        left = agentMsLeft(rollout, row, await timeNotItsOwn(deps, row));
        if (left > leastLookMs) continue;
      }
      await stopAgent(deps, row);
      return { end: await whatIsLeft(session, command), stopped: cancelled ? 'cancelled' : 'timeout' };
    }
  }
}

export async function stopAgent({ interceptor, provider }: ActivityDeps, row: AttemptRow): Promise<void> {
  const unhurried = new AbortController().signal;
  await interceptor.revoke(row.rolloutId, row.attempt, unhurried);
  await provider.quiesce(row.sandboxName, unhurried);
}

/** The rest of what a command wrote that was stopped with all others; one that never began must not begin now. */
export async function whatIsLeft(session: AgentSession, command: SessionCommand): Promise<CommandEnd> {
  const unhurried = new AbortController().signal;
  const { deps, row } = session;
  const traces = await deps.provider.get(row.sandboxName, `${harborFolder}/${command.id}`, unhurried);
  if (!traces) return { kind: 'cut-off' };
  traces.destroy();
  return run(session, command, unhurried);
}

function run(
  { deps, rollout, row, output, scope }: AgentSession,
  { id, command: { argv, env, stdin }, offset }: SessionCommand,
  signal: AbortSignal,
): Promise<CommandEnd> {
  const { agentUser } = rollout.plan.settings;
  return deps.provider.run(row.sandboxName, {
    id,
    argv,
    env,
    ...(stdin === undefined ? {} : { stdin }),
    ...(agentUser === undefined ? {} : { user: agentUser }),
    offset: output.length - offset,
    onOutput: (chunk) => {
      scope.report(`${output.length + chunk.length} bytes of output`);
      return output.write(chunk);
    },
    signal,
  });
}

/** Time that the agent has left. */
function agentMsLeft({ plan }: StoredRollout, { agentStartedAt }: AttemptRow, notItsOwn: number): number {
  return Math.max(leastLookMs, millisecondsLeft(plan.timeoutSeconds, agentStartedAt, notItsOwn));
}

/** Milliseconds in which the agent could do nothing: its sandbox was paused, or nobody served it, or both at once. */
async function timeNotItsOwn({ store, interceptor }: ActivityDeps, row: AttemptRow): Promise<number> {
  const { rolloutId, attempt, agentStartedAt } = row;
  const now = (await store.attempts.find(rolloutId, attempt)) ?? row;
  const absences = await interceptor.absences(rolloutId, attempt);
  return Math.max(now.pausedMs, absentMs(absences, agentStartedAt ?? new Date()));
}
