import { type Compilable, type RawBuilder, sql } from 'kysely';
import type { BatchStatus } from '../model/batch.ts';
import type { FailureClass } from '../model/failures.ts';
import type { RolloutStatus } from '../model/rollout.ts';
import { isLost } from './batch-tallies.ts';
import type { Db } from './database.ts';

/** Something that happened in a batch: its place, and what it was about. */
export type BatchEvent = { readonly seq: number; readonly at: Date } & (
  | BatchRolloutEvent
  | {
      readonly rolloutId: null;
      readonly status: BatchStatus;
      readonly stopReason: string | null;
      readonly concurrency: number;
      readonly total: number;
    }
);

interface BatchRolloutEvent {
  readonly rolloutId: string;
  readonly status: RolloutStatus;
  readonly attempt: number;
  readonly reward: number | null;
  readonly failureClass: FailureClass | null;
  readonly cell: number;
  readonly generation: number;
  readonly seed: number | null;
  readonly sample: number;
  readonly policy: number;
}

/** At most `limit` events behind `after`, in order. What never changes of a rollout is its own row's. */
export async function readBatchEvents(
  db: Db,
  batchId: string,
  after: number,
  limit: number,
): Promise<readonly BatchEvent[]> {
  const { rows } = await sql<BatchEvent>`
    select told.seq, told.at, told.rollout_id, told.status, told.attempt, told.reward, told.failure_class, told.stop_reason,
      told.concurrency, told.total, batch_cell as cell, batch_generation as generation, seed, sample, policy_index as policy
    from (
      select * from batch_events where batch_id = ${batchId} and seq > ${after} order by seq limit ${limit}
    ) told left join rollouts on rollouts.id = told.rollout_id
    order by told.seq`.execute(db);
  return rows;
}

/**
 * Parts of a `with` that gives events of batches the next places, in one statement with what they tell. A batch's count of events
 * is a row that each writer holds until it commits: so places have no gap, one is visible only when all before it are, and
 * nobody begins again. The same row counts what has ended and was lost, `anew` with a retry. `fresh`: rows of `batch_id`, `place`
 * (the order among them), `ended` and `lost` (1 or 0), and the columns of `batch_events`.
 */
const placed = (fresh: RawBuilder<unknown>, anew = false) => sql`fresh as (${fresh}), counted as (
    insert into batch_positions (batch_id, position, ended, lost)
    select batch_id, count(*), sum(ended), sum(lost) from fresh group by batch_id
    on conflict (batch_id) do update set position = batch_positions.position + excluded.position,
      ${anew ? sql`ended = 0, lost = 0` : sql`ended = batch_positions.ended + excluded.ended, lost = batch_positions.lost + excluded.lost`}
    returning batch_id, position
  ), told as (
    insert into batch_events
      (batch_id, seq, rollout_id, attempt, status, reward, failure_class, stop_reason, concurrency, total)
    select fresh.batch_id, counted.position + 1 - row_number() over (partition by fresh.batch_id order by fresh.place desc),
      rollout_id, attempt, status, reward, failure_class, stop_reason, concurrency, total
    from fresh join counted on counted.batch_id = fresh.batch_id
  )`;

/** For rows of `rollouts` that are `moved` to another status, where that was `noted` as an event of theirs. */
export const tellBatch = placed(sql`
  select moved.batch_id, moved.batch_cell as place, moved.id as rollout_id, moved.attempt, moved.status, moved.reward,
    moved.failure_class, null::text as stop_reason, null::integer as concurrency, null::integer as total,
    (moved.closed_at is not null)::integer as ended, ${isLost(sql`moved`)}::integer as lost
  from moved join noted on noted.rollout_id = moved.id
  where moved.batch_id is not null`);

/** A statement that makes or changes a row of `batches`, which becomes an event; its result is that row. */
export const toldOfBatch = <T>(change: Compilable<T>, isRetry = false) => sql<T>`
  with moved as (${change}), ${placed(
    sql`
    select id as batch_id, 0 as place, null::text as rollout_id, null::integer as attempt, status,
      null::double precision as reward, null::text as failure_class, stop_reason, concurrency, total, 0 as ended, 0 as lost
    from moved`,
    isRetry,
  )}
  select * from moved`;
