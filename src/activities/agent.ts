import { CancelledFailure } from '@temporalio/common';
import type { AgentOutcome, AttemptRef } from '../model/stages.ts';
import type { CommandEnd } from '../sandboxes/provider.ts';
import { type ActivityScope, isAway } from './activity.ts';
import { agentCalls, agentFailure, timeoutFailure } from './agent-failure.ts';
import type { AgentSession } from './agent-follow.ts';
import { resumeMark } from './agent-resume.ts';
import { followSession, salvageSession, type SessionEnd } from './agent-session.ts';
import { AttemptOutput } from './attempt-output.ts';
import type { ActivityDeps } from './deps.ts';
import { enter } from './enter.ts';
import { loadRollout } from './planning.ts';
import { harborFolder } from './sandbox-layout.ts';
import { readTarFiles } from './tar-files.ts';

/**
 * Starts the agent, or finds it at work, and follows it to its end: its own, its time's, or somebody's cancelling. From
 * then on its token is dead and every call that it made is in the store.
 */
export async function runAgent(deps: ActivityDeps, ref: AttemptRef, scope: ActivityScope): Promise<AgentOutcome> {
  const { store, interceptor } = deps;
  const { rolloutId, attempt } = ref;
  const rollout = await loadRollout(store, deps.agents, await enter(store, ref, 'running', scope));
  const row = await store.attempts.mark(rolloutId, attempt, 'agentStartedAt');
  const output = await AttemptOutput.continue(store, ref, 'agent', rollout.plan.agent.output?.());
  const session = { deps, rollout, row, output, scope };
  const { end, stopped, cutOff, resumes } = await followOrSalvage(session);

  // A cancelled activity still has to see its calls home.
  const signal = scope.signal.aborted ? new AbortController().signal : scope.signal;
  await interceptor.revokeAndDrain(rolloutId, attempt, signal);
  if (stopped === 'cancelled') throw new CancelledFailure('cancelled');

  const calls = await agentCalls(store, ref);
  // What the commands before the last said of their ends is no reason for this one.
  const outputTail = resumes.length === 0 ? output.tail : output.tail.split(resumeMark).at(-1);
  return {
    exitCode: end.kind === 'exited' ? end.exitCode : null,
    failure:
      stopped === 'timeout'
        ? timeoutFailure(rollout.plan.timeoutSeconds, calls, new Date())
        : agentFailure({ agent: rollout.plan.agent, end, outputTail: outputTail ?? '', calls, cutOff }),
    llmCalls: calls.filter(({ status }) => status !== 'refused').length,
    ...resources(end),
  };
}

/** A sandbox that is lost may still lie there, stopped: what the agent had written, and nobody had read, is read then. */
async function followOrSalvage(session: AgentSession): Promise<SessionEnd> {
  const { output, scope } = session;
  try {
    const followed = await followSession(session);
    await output.finish();
    return followed;
  } catch (error) {
    // A worker that only lets go, or that cannot look, leaves the rest to the next try.
    if (scope.signal.aborted || isAway(error)) await output.flush();
    else await salvage(session);
    throw error;
  }
}

const salvagedBytes = 64 * 1024 * 1024;

async function salvage(session: AgentSession): Promise<void> {
  const { deps, row, output } = session;
  const signal = AbortSignal.timeout(30_000);
  try {
    await salvageSession(session, async (command) => {
      const tar = await deps.provider.get(row.sandboxName, `${harborFolder}/${command}`, signal);
      return tar && (await readTarFiles(tar, { fileBytes: salvagedBytes, files: 10 })).get('out');
    });
  } catch {
    // Nothing is left of it.
  }
  await output.finish();
}

function resources(end: CommandEnd): Pick<AgentOutcome, 'peakMemoryMb' | 'cpuSeconds' | 'oomKills'> {
  if (end.kind === 'cut-off') return { peakMemoryMb: null, cpuSeconds: null, oomKills: null };
  const { peakMemoryBytes, cpuSeconds, oomKills } = end;
  return { peakMemoryMb: peakMemoryBytes === null ? null : Math.ceil(peakMemoryBytes / 2 ** 20), cpuSeconds, oomKills };
}
