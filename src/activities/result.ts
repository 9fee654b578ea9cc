import { agentLogId, sandboxName, testsLogId } from '../model/ids.ts';
import { toFailure } from '../model/errors.ts';
import type { Failure } from '../model/failures.ts';
import type { JsonObject } from '../model/json.ts';
import type { RolloutResult } from '../model/result.ts';
import type { RolloutStatus, Timings } from '../model/rollout.ts';
import type { CollectRequest, RolloutOutcome } from '../model/stages.ts';
import type { AttemptRow } from '../store/attempts.ts';
import type { RolloutRow } from '../store/rollouts.ts';
import type { Store } from '../store/store.ts';
import { type ActivityScope, isAway } from './activity.ts';
import type { ActivityDeps } from './deps.ts';
import { collectLeftovers, resultArtifact } from './leftovers.ts';
import { ownResultOf } from './own-result.ts';
import { loadRollout } from './planning.ts';
import { mayClose } from './sandbox.ts';

/**
 * Commits what a rollout came to: once, for ever. A rollout without a number is failed or cancelled, with the class that
 * says why; one with a number is completed, also where the agent failed on the way.
 */
export async function collect(
  deps: ActivityDeps,
  request: CollectRequest,
  scope: ActivityScope,
): Promise<RolloutOutcome> {
  const { store } = deps;
  const { rolloutId, attempt, evaluation } = request;
  const row = await store.rollouts.find(rolloutId);
  if (!row || !mayClose(row, scope.workflowRunId)) return neverStored(request, await store.calls.usage(rolloutId));
  if (row.closedAt && row.result) return outcomeOf(row, row.result);
  if (!row.closedAt && evaluation === null) await keepWhatIsThere(deps, row, request, scope);
  const attempts = await store.attempts.list(rolloutId);
  const logs = attempts.flatMap((each) => [agentLogId(rolloutId, each.attempt), testsLogId(rolloutId, each.attempt)]);
  if (logs.length > 0) await store.logs.close(...logs);
  const failure = decisive(request);
  const reward = evaluation?.reward ?? null;
  const status: RolloutStatus = reward !== null ? 'completed' : failure?.class === 'cancelled' ? 'cancelled' : 'failed';
  const usage = await store.calls.usage(rolloutId);
  const result: RolloutResult = {
    failure,
    reward,
    rewards: evaluation?.rewards ?? null,
    trust: evaluation?.trust ?? null,
    selfReported: evaluation?.trust === 'self-reported',
    details: await detailsOf(store, rolloutId, attempt),
    exitCode: request.agent?.exitCode ?? null,
    attempts: attempts.length,
    usage,
    timings: timingsOf(row, attempts),
    resources: await resourcesOf(store, row, request),
  };
  const closed = await store.rollouts.close(rolloutId, scope.workflowRunId, status, result);
  const stored = closed ?? (await store.rollouts.find(rolloutId)) ?? row;
  return outcomeOf(stored, stored.result ?? result);
}

function outcomeOf({ id, status, reward }: RolloutRow, { failure, usage }: RolloutResult): RolloutOutcome {
  return { rollout_id: id, status, reward, failure, usage };
}

/** What the tests could not say, the agent's own end may explain; where a number was earned, its failure is a remark. */
function decisive({ failure, agent, evaluation }: CollectRequest): Failure | null {
  if (failure) return failure;
  if (evaluation?.failure && evaluation.failure.class !== 'no_reward') return evaluation.failure;
  return agent?.failure ?? evaluation?.failure ?? null;
}

/** A sandbox that is gone leaves nothing; that is no reason to keep the result back. */
async function keepWhatIsThere(
  deps: ActivityDeps,
  row: RolloutRow,
  ref: CollectRequest,
  scope: ActivityScope,
): Promise<void> {
  const { provider, store, logger } = deps;
  const name = sandboxName(ref.rolloutId, ref.attempt, 'agent');
  try {
    const sandbox = await provider.find(name, scope.signal);
    if (sandbox?.state !== 'running') return;
    await provider.quiesce(name, scope.signal);
    await collectLeftovers(deps, await loadRollout(store, deps.agents, row), ref, scope);
  } catch (error) {
    if (scope.signal.aborted || isAway(error)) throw error;
    logger.warn({ rollout: ref.rolloutId, failure: toFailure(error) }, 'nothing could be kept of a failed attempt');
  }
}

async function detailsOf(store: Store, rolloutId: string, attempt: number): Promise<JsonObject> {
  const artifact = (await store.artifacts.list(rolloutId)).find(
    (one) => one.attempt === attempt && one.name === resultArtifact,
  );
  if (!artifact?.ref) return {};
  return ownResultOf((await store.blobs.get(artifact.ref)).toString('utf8'))?.details ?? {};
}

async function resourcesOf(
  store: Store,
  row: RolloutRow,
  { agent }: CollectRequest,
): Promise<RolloutResult['resources']> {
  const { limits } = await store.deployments.generation(row.deploymentId, row.generation);
  return {
    cpuCores: limits.cpu_cores,
    memoryMb: limits.memory_mb,
    diskMb: limits.disk_mb,
    peakMemoryMb: agent?.peakMemoryMb ?? null,
    cpuSeconds: agent?.cpuSeconds ?? null,
    oomKills: agent?.oomKills ?? null,
  };
}

function timingsOf(row: RolloutRow, attempts: readonly AttemptRow[]): Timings {
  const last = attempts.at(-1);
  const seconds = (from: Date | null | undefined, to: Date | null | undefined) =>
    from && to ? Math.max(0, to.getTime() - from.getTime()) / 1000 : null;
  return {
    queued_s: seconds(row.createdAt, row.admittedAt ?? new Date()),
    provision_s: seconds(last?.startedAt, last?.provisionedAt),
    agent_s: seconds(last?.agentStartedAt, last?.agentEndedAt),
    evaluate_s: seconds(last?.agentEndedAt, last?.evaluatedAt),
    total_s: seconds(row.createdAt, new Date()),
  };
}

/** A workflow whose input was refused, or that was cancelled before it was admitted, leaves no rollout. */
function neverStored({ rolloutId, failure }: CollectRequest, usage: RolloutOutcome['usage']): RolloutOutcome {
  return {
    rollout_id: rolloutId,
    status: failure?.class === 'cancelled' ? 'cancelled' : 'failed',
    reward: null,
    failure,
    usage,
  };
}
