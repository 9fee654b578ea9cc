import { type RawBuilder, sql } from 'kysely';
import { infrastructureClasses } from '../model/failures.ts';
import type { Db } from './database.ts';

/** What a batch has used so far, the rollouts that were retried included. */
export interface BatchSpent {
  readonly attempts: number;
  /** Without those that were refused. */
  readonly calls: number;
  /** Input and output. */
  readonly tokens: number;
  /** Of the calls that have a known price. */
  readonly costUsd: number;
  readonly unpricedCalls: number;
}

/** Rollouts of a batch since its last retry. */
export interface BatchEnded {
  /** Closed, however. */
  readonly ended: number;
  /** Closed without a reward by a fault of Harbor or of a provider. */
  readonly lost: number;
}

/**
 * Running sums: each row that counts is added by the transaction that writes it, so that they are never off, and cost the same
 * however large the batch is. Dollars are added as decimals, which come to the same in whatever order.
 */
export async function readSpent(db: Db, batchId: string): Promise<BatchSpent> {
  const { rows } = await sql<BatchSpent>`
    select attempts, calls, tokens, cost_usd::float8 as cost_usd, unpriced_calls
    from batch_tallies where batch_id = ${batchId}`.execute(db);
  return rows[0] ?? { attempts: 0, calls: 0, tokens: 0, costUsd: 0, unpricedCalls: 0 };
}

export async function readEnded(db: Db, batchId: string): Promise<BatchEnded> {
  const row = await db
    .selectFrom('batchPositions')
    .select(['ended', 'lost'])
    .where('batchId', '=', batchId)
    .executeTakeFirst();
  return row ?? { ended: 0, lost: 0 };
}

/**
 * Adds calls that this transaction has written to the sums of their batches, which it holds from then on: in order, so that two
 * who do so do not wait for each other. Nobody who holds a batch's sums waits for anything else that its rollouts' writers hold
 * together with them.
 */
export async function tallyCalls(tx: Db, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await sql`
    insert into batch_tallies (batch_id, calls, tokens, cost_usd, unpriced_calls)
    select batch_id, count(*), sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)),
      coalesce(sum(cost_usd::numeric), 0), count(*) filter (where cost_usd is null)
    from jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb) as written (id)
      join calls on calls.id = written.id join rollouts on rollouts.id = calls.rollout_id
    where batch_id is not null and calls.status <> 'refused'
    group by batch_id order by batch_id
    on conflict (batch_id) do update set calls = batch_tallies.calls + excluded.calls,
      tokens = batch_tallies.tokens + excluded.tokens, cost_usd = batch_tallies.cost_usd + excluded.cost_usd,
      unpriced_calls = batch_tallies.unpriced_calls + excluded.unpriced_calls`.execute(tx);
}

/** The end of a statement whose part `begun` has the `rollout_id` of the attempt that it wrote, if it wrote one. */
export const tallyBegun = sql`
  insert into batch_tallies (batch_id, attempts)
  select batch_id, 1 from begun join rollouts on rollouts.id = begun.rollout_id where batch_id is not null
  on conflict (batch_id) do update set attempts = batch_tallies.attempts + 1`;

/** Whether a row of `rollouts` was lost to a fault of Harbor or of a provider. */
export const isLost = (row: RawBuilder<unknown>): RawBuilder<boolean> => sql`(
  ${row}.status = 'failed' and ${row}.reward is null
  and coalesce(${row}.failure_class, 'internal') in (${sql.join(infrastructureClasses)}))`;
