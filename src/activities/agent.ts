import { CancelledFailure } from '@temporalio/common';
import type { AgentOutcome, AttemptRef } from '../model/stages.ts';
import type { CommandEnd } from '../sandboxes/provider.ts';
import type { AttemptRow } from '../store/attempts.ts';
import { type ActivityScope, isAway } from './activity.ts';
import { prepareAgent } from './agent-command.ts';
import { agentFailure, timeoutFailure } from './agent-failure.ts';
import { AttemptOutput } from './attempt-output.ts';
import type { ActivityDeps } from './deps.ts';
import { enter } from './enter.ts';
import { loadRollout, type StoredRollout } from './planning.ts';
import { agentCommandId, harborFolder } from './sandbox-layout.ts';
import { hasToStop } from './standing.ts';
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
  const { end, stopped } = await followOrSalvage(deps, rollout, row, output, scope);

  // A cancelled activity still has to see its calls home.
  const signal = scope.signal.aborted ? new AbortController().signal : scope.signal;
  await interceptor.revokeAndDrain(rolloutId, attempt, signal);
  await store.attempts.mark(rolloutId, attempt, 'agentEndedAt');
  if (stopped === 'cancelled') throw new CancelledFailure('cancelled');

  const calls = (await store.calls.list(rolloutId)).filter((call) => call.attempt === attempt);
  return {
    exitCode: end.kind === 'exited' ? end.exitCode : null,
    failure:
      stopped === 'timeout'
        ? timeoutFailure(rollout.plan.timeoutSeconds, calls, new Date())
        : agentFailure({ agent: rollout.plan.agent, end, outputTail: output.tail, calls }),
    llmCalls: calls.filter(({ status }) => status !== 'refused').length,
    ...resources(end),
  };
}

/** A sandbox that is lost may still lie there, stopped: what the agent had written, and nobody had read, is read then. */
async function followOrSalvage(
  deps: ActivityDeps,
  rollout: StoredRollout,
  row: AttemptRow,
  output: AttemptOutput,
  scope: ActivityScope,
): ReturnType<typeof follow> {
  try {
    const followed = await follow(deps, rollout, row, output, scope);
    await output.finish();
    return followed;
  } catch (error) {
    // A worker that only lets go, or that cannot look, leaves the rest to the next try.
    if (scope.signal.aborted || isAway(error)) await output.flush();
    else await salvage(deps, row, output);
    throw error;
  }
}

const salvagedBytes = 64 * 1024 * 1024;

async function salvage({ provider }: ActivityDeps, row: AttemptRow, output: AttemptOutput): Promise<void> {
  try {
    const signal = AbortSignal.timeout(30_000);
    const tar = await provider.get(row.sandboxName, `${harborFolder}/${agentCommandId}`, signal);
    const files = tar && (await readTarFiles(tar, { fileBytes: salvagedBytes, files: 10 }));
    const written = files?.get('out');
    if (written && written.length > output.length) await output.write(written.subarray(output.length));
  } catch {
    // Nothing is left of it.
  }
  await output.finish();
}

type Stopped = 'timeout' | 'cancelled' | undefined;

/**
 * Follows the agent. When its time is up or somebody cancels, its token dies first, so that nothing more is spent, then
 * every process in the sandbox; what it had written until then is still read.
 */
async function follow(
  deps: ActivityDeps,
  rollout: StoredRollout,
  row: AttemptRow,
  output: AttemptOutput,
  scope: ActivityScope,
): Promise<{ readonly end: CommandEnd; readonly stopped: Stopped }> {
  const { provider, interceptor } = deps;
  const { signal, report } = scope;
  const { argv, env, stdin } = prepareAgent(deps, rollout, row.attempt);
  const { agentUser } = rollout.plan.settings;
  const run = (until: AbortSignal) =>
    provider.run(row.sandboxName, {
      id: agentCommandId,
      argv,
      env,
      ...(stdin === undefined ? {} : { stdin }),
      ...(agentUser === undefined ? {} : { user: agentUser }),
      offset: output.length,
      onOutput: (chunk) => {
        report(`${output.length + chunk.length} bytes of output`);
        return output.write(chunk);
      },
      signal: until,
    });

  const deadline = AbortSignal.timeout(millisecondsLeft(row, rollout.plan.timeoutSeconds));
  try {
    return { end: await run(AbortSignal.any([signal, deadline])), stopped: undefined };
  } catch (error) {
    const cancelled = await hasToStop(deps.client, scope);
    if (!cancelled && !(deadline.aborted && !signal.aborted)) throw error;
    // A worker that slept over its agent's end must not stop the tests that another one runs there meanwhile.
    if (!cancelled) await enter(deps.store, row, 'running', scope);
    const unhurried = new AbortController().signal;
    await interceptor.revoke(row.rolloutId, row.attempt, unhurried);
    await provider.quiesce(row.sandboxName, unhurried);
    return { end: await run(unhurried), stopped: cancelled ? 'cancelled' : 'timeout' };
  }
}

/** An agent whose time is up by the clock may have ended in time, with nobody there to see it: so long is looked. */
const leastLookMs = 1000;

/** Time that the agent has left; time in which its sandbox was paused does not count. */
function millisecondsLeft({ agentStartedAt, pausedMs }: AttemptRow, timeoutSeconds: number): number {
  const used = Date.now() - (agentStartedAt?.getTime() ?? Date.now()) - pausedMs;
  return Math.max(leastLookMs, Math.ceil(timeoutSeconds * 1000 - used));
}

function resources(end: CommandEnd): Pick<AgentOutcome, 'peakMemoryMb' | 'cpuSeconds' | 'oomKills'> {
  if (end.kind === 'cut-off') return { peakMemoryMb: null, cpuSeconds: null, oomKills: null };
  const { peakMemoryBytes, cpuSeconds, oomKills } = end;
  return { peakMemoryMb: peakMemoryBytes === null ? null : Math.ceil(peakMemoryBytes / 2 ** 20), cpuSeconds, oomKills };
}
