import { sql } from 'kysely';
import type { SeedRewards } from '../model/batch-figures.ts';
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

/** What a batch came to so far, by the newest rollout of each cell: a retry takes the place of what it makes up for. */
export interface NewestFigures {
  readonly counts: BatchCounts;
  /** By policy and seed. */
  readonly rewards: readonly SeedRewards[];
  /** Mean seconds until a rollout got its place. */
  readonly queuedSeconds: number | null;
}

/** Rollouts that stand alike. Seconds are the sum of those that were `admitted`. */
type Alike = readonly [
  status: RolloutStatus,
  failureClass: FailureClass | null,
  hasReward: boolean,
  count: number,
  admitted: number,
  seconds: number,
];

interface FiguresRow {
  readonly standing: readonly Alike[] | null;
  readonly rewards: readonly (readonly [...Parameters<typeof seedRewards>])[] | null;
}

/**
 * In one pass over the batch's rollouts, and in two values: rows by the thousand cost more to be told apart on their way than to be
 * made.
 */
export async function readFigures(db: Db, id: string, passThreshold: number): Promise<NewestFigures> {
  const { rows } = await sql<FiguresRow>`
    with newest as materialized (
      select distinct on (batch_cell) status, failure_class, reward, policy_index, seed,
        extract(epoch from admitted_at - created_at)::float8 as queued
      from rollouts where batch_id = ${id} order by batch_cell, batch_generation desc
    ), alike as (
      select status, failure_class, reward is not null as has_reward, count(*) as count, count(queued) as admitted,
        coalesce(sum(queued), 0) as seconds
      from newest group by 1, 2, 3
    ), seeds as (
      select policy_index, seed, count(reward) as scored, coalesce(sum(reward), 0) as sum,
        count(*) filter (where reward >= ${passThreshold}) as passed
      from newest group by 1, 2
    )
    select (
      select json_agg(json_build_array(status, failure_class, has_reward, count, admitted, seconds)) from alike
    ) as standing, (
      select json_agg(json_build_array(policy_index, seed, scored, sum, passed) order by policy_index, seed) from seeds
    ) as rewards`.execute(db);
  const standing = rows[0]?.standing ?? [];
  const admitted = standing.reduce((sum, alike) => sum + alike[4], 0);
  const seconds = standing.reduce((sum, alike) => sum + alike[5], 0);
  return {
    counts: countsOf(standing),
    rewards: (rows[0]?.rewards ?? []).map((row) => seedRewards(...row)),
    queuedSeconds: admitted === 0 ? null : seconds / admitted,
  };
}

const seedRewards = (
  policy: number,
  seed: number | null,
  scored: number,
  sum: number,
  passed: number,
): SeedRewards => ({
  policy,
  seed,
  scored,
  sum,
  passed,
});

function countsOf(standing: readonly Alike[]): BatchCounts {
  let scored = 0;
  let cancelled = 0;
  const failed: Partial<Record<FailureClass, number>> = {};
  const open: Partial<Record<RolloutStatus, number>> = {};
  for (const [status, failureClass, hasReward, count] of standing) {
    const name = failureClass ?? 'internal';
    if (hasReward) scored += count;
    else if (status === 'cancelled') cancelled += count;
    else if (status === 'failed') failed[name] = (failed[name] ?? 0) + count;
    else open[status] = (open[status] ?? 0) + count;
  }
  return { scored, failed, cancelled, open };
}
