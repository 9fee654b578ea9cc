import { sql } from 'kysely';
import type { CallStatus } from '../model/call.ts';
import type { FailureClass } from '../model/failures.ts';
import type { RolloutStatus } from '../model/rollout.ts';
import type { Db } from './database.ts';

/** A range of a batch's cells: the first one, and the one behind the last. */
export interface CellRange {
  readonly from: number;
  readonly to: number;
}

/** A rollout of a batch, one that was retried included. */
export interface LedgerRollout {
  readonly id: string;
  readonly cell: number;
  readonly generation: number;
  readonly seed: number | null;
  readonly sample: number;
  readonly policy: number;
  readonly retryOf: string | null;
  readonly status: RolloutStatus;
  readonly reward: number | null;
  readonly failureClass: FailureClass | null;
}

export interface LedgerAttempt {
  readonly rolloutId: string;
  readonly attempt: number;
  readonly startedAt: Date;
  readonly endedAt: Date | null;
  readonly failureClass: FailureClass | null;
  readonly failureMessage: string | null;
  readonly calls: number;
  readonly tokens: number;
  readonly costUsd: number;
  readonly unpricedCalls: number;
}

export interface LedgerCall {
  readonly id: string;
  readonly rolloutId: string;
  readonly attempt: number;
  readonly model: string | null;
  readonly status: CallStatus;
  readonly httpStatus: number | null;
  readonly retryOf: string | null;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly costUsd: number | null;
  readonly startedAt: Date;
  readonly endedAt: Date | null;
  readonly error: string | null;
}

/** What calls, attempts and results say of the same things, where they can be held against each other. */
export interface LedgerBalance {
  /** US dollars of the calls that belong to an attempt. */
  readonly costOfAttempts: number;
  readonly callsOfNoAttempt: number;
  /** Closed rollouts whose results have other calls, tokens or cost than were recorded, and one of them. */
  readonly differing: number;
  readonly example: string | null;
}

/** What of a batch has to add up, line by line. */
export interface LedgerStore {
  rollouts(batchId: string, cells: CellRange): Promise<readonly LedgerRollout[]>;
  attempts(batchId: string, cells: CellRange): Promise<readonly LedgerAttempt[]>;
  /** By rollout and time, refused ones included; at most `limit` behind a call. */
  calls(
    batchId: string,
    cells: CellRange,
    after: Pick<LedgerCall, 'rolloutId' | 'id'> | undefined,
    limit: number,
  ): Promise<readonly LedgerCall[]>;
  balance(batchId: string): Promise<LedgerBalance>;
}

const within = (batchId: string, { from, to }: CellRange) =>
  sql`rollouts.batch_id = ${batchId} and rollouts.batch_cell >= ${from} and rollouts.batch_cell < ${to}`;

export function ledgerStore(db: Db): LedgerStore {
  return {
    async rollouts(batchId, cells) {
      const { rows } = await sql<LedgerRollout>`
        select id, batch_cell as cell, batch_generation as generation, seed, sample, policy_index as policy, retry_of,
          status, reward, failure_class
        from rollouts where ${within(batchId, cells)} order by batch_cell, batch_generation`.execute(db);
      return rows;
    },

    async attempts(batchId, cells) {
      const { rows } = await sql<LedgerAttempt>`
        select attempts.rollout_id, attempts.attempt, attempts.started_at, attempts.ended_at, attempts.failure_class,
          attempts.failure_message, count(calls.id) as calls,
          coalesce(sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)), 0)::bigint as tokens,
          coalesce(sum(cost_usd), 0)::float8 as cost_usd,
          count(calls.id) filter (where cost_usd is null) as unpriced_calls
        from rollouts join attempts on attempts.rollout_id = rollouts.id
          left join calls on calls.rollout_id = attempts.rollout_id and calls.attempt = attempts.attempt
            and calls.status <> 'refused'
        where ${within(batchId, cells)}
        group by attempts.rollout_id, attempts.attempt order by attempts.rollout_id, attempts.attempt`.execute(db);
      return rows;
    },

    async calls(batchId, cells, after, limit) {
      const behind = after ? sql`(calls.rollout_id, calls.id) > (${after.rolloutId}, ${after.id})` : sql`true`;
      const { rows } = await sql<LedgerCall>`
        select calls.id, calls.rollout_id, calls.attempt, coalesce(response_model, requested_model) as model, calls.status,
          http_status, calls.retry_of, input_tokens, output_tokens, cost_usd, started_at, ended_at, error
        from rollouts join calls on calls.rollout_id = rollouts.id
        where ${within(batchId, cells)} and ${behind}
        order by calls.rollout_id, calls.id limit ${limit}`.execute(db);
      return rows;
    },

    async balance(batchId) {
      const { rows } = await sql<LedgerBalance>`
        with mine as (
          select id, closed_at is not null as is_closed, result -> 'usage' as usage from rollouts where batch_id = ${batchId}
        ), spent as (
          select rollout_id, attempt, count(*) as calls, coalesce(sum(cost_usd), 0)::float8 as cost_usd,
            sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) as tokens
          from calls join mine on mine.id = calls.rollout_id where calls.status <> 'refused' group by 1, 2
        ), recorded as (
          select rollout_id, sum(calls) as calls, sum(tokens) as tokens, sum(cost_usd) as cost_usd from spent group by 1
        ), differing as (
          select id from mine left join recorded on recorded.rollout_id = mine.id
          where is_closed and (
            (usage ->> 'llm_calls')::bigint <> coalesce(calls, 0)
            or (usage ->> 'input_tokens')::bigint + (usage ->> 'output_tokens')::bigint <> coalesce(tokens, 0)
            or abs((usage ->> 'cost_usd')::float8 - coalesce(cost_usd, 0)) > 1e-9 * greatest(1, cost_usd)
          )
        ), booked as (
          select coalesce(sum(cost_usd) filter (where attempts.attempt is not null), 0)::float8 as cost_of_attempts,
            coalesce(sum(calls) filter (where attempts.attempt is null), 0)::bigint as calls_of_no_attempt
          from spent left join attempts on attempts.rollout_id = spent.rollout_id and attempts.attempt = spent.attempt
        )
        select booked.*, (select count(*) from differing) as differing, (select min(id) from differing) as example
        from booked`.execute(db);
      const [balance] = rows;
      if (!balance) throw new Error(`the balance of batch ${batchId} came to nothing`);
      return balance;
    },
  };
}
