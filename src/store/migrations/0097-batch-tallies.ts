import { type Kysely, sql } from 'kysely';

/**
 * Running sums of batches, so that no look at one adds up all its calls and rollouts again: what was spent, and beside the
 * count of its events how many rollouts have ended, and were lost to faults of Harbor or of a provider, since the last retry.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const statements = [
  `create table batch_tallies (
    batch_id text primary key,
    attempts bigint not null default 0,
    calls bigint not null default 0,
    tokens bigint not null default 0,
    cost_usd numeric not null default 0,
    unpriced_calls bigint not null default 0
  ) with (fillfactor = 50)`,
  `insert into batch_tallies (batch_id, attempts)
    select batch_id, count(*) from attempts join rollouts on rollouts.id = attempts.rollout_id
    where batch_id is not null group by 1`,
  `insert into batch_tallies (batch_id, calls, tokens, cost_usd, unpriced_calls)
    select batch_id, count(*), sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)),
      coalesce(sum(cost_usd::numeric), 0), count(*) filter (where cost_usd is null)
    from calls join rollouts on rollouts.id = calls.rollout_id
    where batch_id is not null and calls.status <> 'refused' group by 1
    on conflict (batch_id) do update set calls = excluded.calls, tokens = excluded.tokens, cost_usd = excluded.cost_usd,
      unpriced_calls = excluded.unpriced_calls`,
  `alter table batch_positions add column ended integer not null default 0, add column lost integer not null default 0`,
  `update batch_positions set ended = counted.ended, lost = counted.lost
    from (
      select batch_id, count(*) as ended,
        count(*) filter (where rollouts.status = 'failed' and reward is null and coalesce(failure_class, 'internal') in
          ('capacity', 'sandbox_failed', 'sandbox_lost', 'model_provider_failed', 'internal')) as lost
      from rollouts join batches on batches.id = rollouts.batch_id
      where rollouts.closed_at >= coalesce(retried_at, '-infinity') group by 1
    ) counted
    where counted.batch_id = batch_positions.batch_id`,
];
