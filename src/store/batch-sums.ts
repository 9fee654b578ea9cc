import { sql } from 'kysely';
import type { FailureClass } from '../model/failures.ts';
import type { RolloutStatus } from '../model/rollout.ts';
import type { Db } from './database.ts';

/** How the newest rollouts of a batch's cells stand; what is in none of these was not started. */
export interface BatchCounts {
  readonly scored: number;
  /** Ended without a reward, by class. */
  readonly failed: Readonly<Partial<Record<FailureClass, number>>>;
  readonly cancelled: number;
  /** Not ended, by status. */
  readonly open: Readonly<Partial<Record<RolloutStatus, number>>>;
}

/** What all rollouts of a batch used, and what became of their attempts. */
export interface BatchSums {
  readonly rollouts: number;
  readonly attempts: number;
  /** Attempts that ended in a failure, by class. */
  readonly failedAttempts: Readonly<Partial<Record<FailureClass, number>>>;
  readonly calls: number;
  /** Input and output. */
  readonly tokens: number;
  /** Of the calls that have a known price. */
  readonly costUsd: number;
  readonly unpricedCalls: number;
  /** As the results of the closed rollouts have it, and what the call table has of those. */
  readonly callsInResults: number;
  readonly callsOfClosed: number;
  /** Mean seconds until a rollout got its place. */
  readonly queuedSeconds: number | null;
}

interface CountRow {
  readonly status: RolloutStatus;
  readonly failureClass: FailureClass | null;
  readonly hasReward: boolean;
  readonly count: number;
}

/** `endedSince`: only of those that have ended since then. */
export async function readCounts(db: Db, id: string, endedSince: Date | null = null): Promise<BatchCounts> {
  const { rows } = await sql<CountRow>`
    select status, failure_class, reward is not null as has_reward, count(*) as count from (
      select distinct on (batch_cell) status, failure_class, reward, closed_at from rollouts where batch_id = ${id}
      order by batch_cell, batch_generation desc
    ) newest where ${endedSince === null ? sql`true` : sql`closed_at >= ${endedSince}`} group by 1, 2, 3`.execute(db);
  let scored = 0;
  let cancelled = 0;
  const failed: Partial<Record<FailureClass, number>> = {};
  const open: Partial<Record<RolloutStatus, number>> = {};
  for (const { status, failureClass, hasReward, count } of rows) {
    if (hasReward) scored += count;
    else if (status === 'cancelled') cancelled += count;
    else if (status === 'failed')
      failed[failureClass ?? 'internal'] = (failed[failureClass ?? 'internal'] ?? 0) + count;
    else open[status] = (open[status] ?? 0) + count;
  }
  return { scored, failed, cancelled, open };
}

export async function readSums(db: Db, id: string): Promise<BatchSums> {
  const { rows } = await sql<Omit<BatchSums, 'failedAttempts' | 'attempts'>>`
    with mine as (
      select id, closed_at, created_at, admitted_at, (result -> 'usage' ->> 'llm_calls')::bigint as llm_calls
      from rollouts where batch_id = ${id}
    ), spent as (
      select count(*) as calls, coalesce(sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)), 0)::bigint as tokens,
        coalesce(sum(cost_usd), 0)::float8 as cost_usd,
        count(*) filter (where cost_usd is null) as unpriced_calls,
        count(*) filter (where closed_at is not null) as calls_of_closed
      from calls join mine on mine.id = calls.rollout_id where calls.status <> 'refused'
    ), theirs as (
      select count(*) as rollouts, coalesce(sum(llm_calls), 0)::bigint as calls_in_results,
        avg(extract(epoch from admitted_at - created_at))::float8 as queued_seconds
      from mine
    )
    select * from spent, theirs`.execute(db);
  const [sums] = rows;
  if (!sums) throw new Error(`the sums of batch ${id} came to nothing`);
  const attempts = await sql<{ failureClass: FailureClass | null; count: number }>`
    select attempts.failure_class, count(*) as count from attempts join rollouts on rollouts.id = attempts.rollout_id
    where rollouts.batch_id = ${id} group by 1`.execute(db);
  const failedAttempts: Partial<Record<FailureClass, number>> = {};
  let all = 0;
  for (const { failureClass, count } of attempts.rows) {
    all += count;
    if (failureClass !== null) failedAttempts[failureClass] = count;
  }
  return { ...sums, attempts: all, failedAttempts };
}
