import { sql } from 'kysely';
import type { FailureClass } from '../model/failures.ts';
import type { BatchSpent } from './batch-tallies.ts';
import type { Db } from './database.ts';

/** What all rollouts of a batch used, and what became of their attempts, added up from every row there is. */
export interface BatchSums extends BatchSpent {
  readonly rollouts: number;
  /** Attempts that ended in a failure, by class. */
  readonly failedAttempts: Readonly<Partial<Record<FailureClass, number>>>;
  /** As the results of the closed rollouts have it. */
  readonly callsInResults: number;
}

/** For the ledger, which holds them against what was counted as it happened: of a large batch they take a second. */
export async function readSums(db: Db, id: string): Promise<BatchSums> {
  const { rows } = await sql<Omit<BatchSums, 'failedAttempts' | 'attempts'>>`
    with mine as (
      select id, (result -> 'usage' ->> 'llm_calls')::bigint as llm_calls from rollouts where batch_id = ${id}
    ), spent as (
      select count(*) as calls, coalesce(sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)), 0)::bigint as tokens,
        coalesce(sum(cost_usd::numeric), 0)::float8 as cost_usd,
        count(*) filter (where cost_usd is null) as unpriced_calls
      from calls join mine on mine.id = calls.rollout_id where calls.status <> 'refused'
    ), theirs as (
      select count(*) as rollouts, coalesce(sum(llm_calls), 0)::bigint as calls_in_results from mine
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
