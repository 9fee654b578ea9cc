import type { BatchResponse, BatchResult, BatchSummary } from '../model/batch-responses.ts';
import { clusteredMean, passRates } from '../model/batch-figures.ts';
import type { BatchRow } from '../store/batch-rows.ts';
import type { BatchCounts } from '../store/batch-figures.ts';
import type { RolloutRow } from '../store/rollouts.ts';
import type { Store } from '../store/store.ts';

export function presentBatchSummary(batch: BatchRow): BatchSummary {
  return {
    id: batch.id,
    name: batch.name,
    deployment_id: batch.deploymentId,
    deployment_name: batch.deploymentName,
    status: batch.status,
    stop_reason: batch.stopReason,
    planned: batch.planned,
    started: batch.cursor,
    concurrency: batch.concurrency,
    priority: batch.priority,
    created_at: batch.createdAt.toISOString(),
    closed_at: batch.closedAt?.toISOString() ?? null,
    url: `/api/harbor/batches/${batch.id}`,
  };
}

export async function presentBatch({ batches }: Store, batch: BatchRow, now = Date.now()): Promise<BatchResponse> {
  const { counts, rewards, queuedSeconds } = await batches.figures(batch.id, batch.plan.passThreshold);
  const spent = await batches.spent(batch.id);
  const { mean, low, high } = clusteredMean(rewards);
  return {
    ...presentBatchSummary(batch),
    counts: presentCounts(batch, counts),
    mean_reward: mean,
    mean_low: low,
    mean_high: high,
    policies: batch.plan.policies.map(({ policy, agent, model }, index) => {
      const mine = rewards.filter((group) => group.policy === index);
      const own = clusteredMean(mine);
      return {
        index,
        name: policy.policy_name ?? policy.policy_id ?? null,
        agent,
        model,
        scored: mine.reduce((sum, { scored }) => sum + scored, 0),
        mean_reward: own.mean,
        mean_low: own.low,
        mean_high: own.high,
        pass_at: passRates(mine),
      };
    }),
    attempts: spent.attempts,
    llm_calls: spent.calls,
    tokens: spent.tokens,
    cost_usd: spent.costUsd,
    unpriced_calls: spent.unpricedCalls,
    queued_s: queuedSeconds,
    eta_s: etaSeconds(batch, counts, now),
    metadata: batch.plan.metadata,
  };
}

export function presentBatchResult(row: RolloutRow): BatchResult {
  return {
    cell: row.batchCell ?? 0,
    rollout_id: row.id,
    seed: row.seed,
    sample: row.sample ?? 0,
    policy: row.policyIndex ?? 0,
    generation: row.batchGeneration ?? 1,
    retry_of: row.retryOf,
    status: row.status,
    reward: row.reward,
    failure: row.result?.failure ?? null,
    usage: row.result?.usage ?? null,
    attempts: row.attempt,
    total_s: row.result?.timings.total_s ?? null,
  };
}

const total = (counts: Readonly<Partial<Record<string, number>>>): number =>
  Object.values(counts).reduce<number>((sum, count = 0) => sum + count, 0);

const ended = ({ scored, failed, cancelled }: BatchCounts): number => scored + total(failed) + cancelled;

export const notStarted = (batch: BatchRow, counts: BatchCounts): number =>
  batch.planned - ended(counts) - total(counts.open);

export function presentCounts(batch: BatchRow, counts: BatchCounts): BatchResponse['counts'] {
  return { ...counts, not_started: notStarted(batch, counts) };
}

/** At the pace since the batch was made, pauses included. */
function etaSeconds(batch: BatchRow, counts: BatchCounts, now: number): number | null {
  const done = batch.cursor - total(counts.open);
  if (batch.status !== 'running' || done <= 0) return null;
  const perSecond = (done * 1000) / Math.max(1, now - batch.createdAt.getTime());
  return (batch.total - done) / perSecond;
}
