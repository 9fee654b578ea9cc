import type { CallRecord } from '../model/call.ts';
import { failures } from '../model/failures.ts';
import type { CallSummary, RolloutResponse } from '../model/responses.ts';
import { isClosed, noUsage, type Usage } from '../model/rollout.ts';
import type { RolloutResult } from '../model/result.ts';
import { presentOverrides } from './present-overrides.ts';
import type { AttemptRow } from '../store/attempts.ts';
import type { RolloutRow } from '../store/rollouts.ts';
import type { Store } from '../store/store.ts';

type RolloutSummary = Omit<RolloutResponse, 'trace' | 'attempts' | 'override_application_results'>;

/** The whole answer for one rollout, open or closed. */
export async function presentRollout(store: Store, row: RolloutRow): Promise<RolloutResponse> {
  const calls = await store.calls.list(row.id);
  const attempts = await store.attempts.list(row.id);
  const overrides = presentOverrides(attempts.at(-1)?.overrides, row.result);
  const summary = presentRolloutSummary(row, row.result?.usage ?? (await store.calls.usage(row.id)));
  const isIncomplete = overrides?.some(({ overall_status: status }) => status === 'failed' || status === 'partial');
  return {
    ...summary,
    // The run itself went well, but not with all that it was to be run with: its reader has to know.
    success_status: isIncomplete && summary.success_status === 'success' ? 'apply_failed' : summary.success_status,
    override_application_results: overrides,
    trace: {
      trace_id: row.traceCorrelationId,
      url: `/api/harbor/rollouts/${row.id}/trace`,
      calls: calls.map(presentCall),
    },
    attempts: attempts.map(presentAttempt),
  };
}

/** `usage`: what is known of an open rollout so far. */
export function presentRolloutSummary(row: RolloutRow, usage: Usage = row.result?.usage ?? noUsage): RolloutSummary {
  const { result } = row;
  const reward = rewardInfo(result);
  const failure = result?.failure ?? null;
  return {
    id: row.id,
    trace_correlation_id: row.traceCorrelationId,
    comparison_id: row.comparison,
    deployment_id: row.deploymentId,
    deployment: row.deploymentName,
    generation: row.generation,
    snapshot_id: row.snapshotName,
    seed: row.seed,
    agent: row.agent,
    model: row.model,
    status: row.status,
    attempt: row.attempt,
    success: row.status === 'completed',
    success_status: successStatus(row),
    status_detail: failure?.message ?? null,
    error: row.status === 'completed' ? null : (failure?.message ?? null),
    failure,
    reward_info: reward,
    metrics: { ...reward, reward_mean: reward.outcome_reward },
    trust: result?.trust ?? null,
    self_reported: result?.selfReported ?? false,
    usage: { ...noUsage, ...usage },
    budget: row.request.limits.budget ?? null,
    timings: result?.timings ?? { queued_s: null, provision_s: null, agent_s: null, evaluate_s: null, total_s: null },
    resources: result ? presentResources(result) : null,
    artifact: null,
    inference_url: null,
    execution_metadata: {
      rollout_id: row.id,
      attempts: result?.attempts ?? row.attempt,
      exit_code: result?.exitCode ?? null,
    },
    created_at: row.createdAt.toISOString(),
    closed_at: row.closedAt?.toISOString() ?? null,
  };
}

function rewardInfo(result: RolloutResult | null): RolloutResponse['reward_info'] {
  return {
    outcome_reward: result?.reward ?? null,
    outcome_objectives: result?.rewards ? { ...result.rewards } : null,
    event_rewards: null,
    details: result?.details ?? {},
  };
}

/** It speaks of the run, not of the reward: an agent that solved nothing in an orderly way is a success. */
function successStatus({ status, result }: RolloutRow): string | null {
  if (!isClosed(status)) return null;
  return result?.failure ? failures[result.failure.class].successStatus : 'success';
}

function presentResources({ resources }: RolloutResult): NonNullable<RolloutResponse['resources']> {
  return {
    cpu_cores: resources.cpuCores,
    memory_mb: resources.memoryMb,
    disk_mb: resources.diskMb,
    peak_memory_mb: resources.peakMemoryMb,
    cpu_seconds: resources.cpuSeconds,
    oom_kills: resources.oomKills,
  };
}

function presentAttempt(row: AttemptRow): RolloutResponse['attempts'][number] {
  return {
    attempt: row.attempt,
    sandbox: row.sandboxName,
    started_at: row.startedAt.toISOString(),
    ended_at: row.endedAt?.toISOString() ?? null,
    failure: row.failureClass === null ? null : { class: row.failureClass, message: row.failureMessage ?? '' },
    resumes: row.resumes.map(({ at, reason }) => ({ at, reason })),
  };
}

export function presentCall(call: CallRecord): CallSummary {
  const after = (moment: Date | null) => (moment === null ? null : moment.getTime() - call.startedAt.getTime());
  return {
    id: call.id,
    attempt: call.attempt,
    dialect: call.dialect,
    upstream: call.upstream,
    model: call.responseModel ?? call.requestedModel,
    status: call.status,
    http_status: call.httpStatus,
    stop_reason: call.stopReason,
    retry_of: call.retryOf,
    usage: call.usage && {
      input_tokens: call.usage.inputTokens,
      cached_tokens: call.usage.cachedTokens,
      cache_write_tokens: call.usage.cacheWriteTokens,
      output_tokens: call.usage.outputTokens,
      reasoning_tokens: call.usage.reasoningTokens,
    },
    cost_usd: call.costUsd,
    started_at: call.startedAt.toISOString(),
    ttfb_ms: after(call.firstByteAt),
    duration_ms: after(call.endedAt),
    error: call.error,
  };
}
