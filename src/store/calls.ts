import type { EventEmitter } from 'node:events';
import { type Insertable, type Selectable, sql } from 'kysely';
import type { BegunCall, CallRecord } from '../model/call.ts';
import { type Usage, noUsage } from '../model/rollout.ts';
import { tallyCalls } from './batch-tallies.ts';
import type { Db } from './database.ts';
import { type NewEvent, placed, untilUnique } from './events.ts';
import type { Database } from './schema.ts';

/** LLM calls, as the projector brings them from the interceptors' journals. */
export interface CallStore {
  /** Per journal, the first byte that is not accounted for. */
  positions(): Promise<ReadonlyMap<string, number>>;
  /** Tells that calls have begun, in the events of their rollouts. Idempotent. */
  begin(calls: readonly BegunCall[]): Promise<void>;
  /** Calls and the journal's new position in one transaction, so that each call is recorded exactly once. */
  save(calls: readonly CallRecord[], journal: string, position: number): Promise<void>;
  /** In the order in which they were made, all attempts. */
  list(rolloutId: string): Promise<readonly CallRecord[]>;
  /** Sums over all attempts, or over one. */
  usage(rolloutId: string, attempt?: number): Promise<Usage>;
}

export function callStore(db: Db, bell: EventEmitter): CallStore {
  const list: CallStore['list'] = async (rolloutId) => {
    const rows = await db.selectFrom('calls').selectAll().where('rolloutId', '=', rolloutId).orderBy('id').execute();
    return rows.map(fromRow);
  };

  return {
    list,
    async positions() {
      const rows = await db.selectFrom('journalPositions').selectAll().execute();
      return new Map(rows.map(({ journal, position }) => [journal, position]));
    },
    async begin(calls) {
      for (const [rolloutId, some] of byRollout(calls)) {
        await untilUnique(() => placed(rolloutId, some.map(beginning), sql`true`).execute(db));
        bell.emit(rolloutId);
      }
    },
    async save(calls, journal, position) {
      await untilUnique(() => db.transaction().execute((tx) => saveWithin(tx, calls, journal, position)));
      for (const rolloutId of byRollout(calls).keys()) bell.emit(rolloutId);
    },
    async usage(rolloutId, attempt) {
      const calls = await list(rolloutId);
      return sumUsage(attempt === undefined ? calls : calls.filter((call) => call.attempt === attempt));
    },
  };
}

/** Calls, what they add to the sums of batches, what they say in the events of their rollouts, and how far the journal is accounted for. */
async function saveWithin(tx: Db, calls: readonly CallRecord[], journal: string, position: number): Promise<void> {
  const written: string[] = [];
  for (const call of calls) {
    const rows = await tx
      .insertInto('calls')
      .values(toRow(call))
      .onConflict((conflict) => conflict.column('id').doNothing())
      .returning('id')
      .execute();
    written.push(...rows.map(({ id }) => id));
  }
  await tallyCalls(tx, written);
  for (const [rolloutId, some] of byRollout(calls)) {
    await placed(rolloutId, some.map(ending), sql`true`).execute(tx);
  }
  await tx
    .insertInto('journalPositions')
    .values({ journal, position })
    .onConflict((conflict) => conflict.column('journal').doUpdateSet({ position }))
    .execute();
}

function byRollout<T extends { readonly rolloutId: string }>(calls: readonly T[]): Map<string, T[]> {
  return Map.groupBy(calls, ({ rolloutId }) => rolloutId);
}

const beginning = ({ id, attempt, model }: BegunCall): NewEvent => ({
  key: `call/${id}/started`,
  attempt,
  content: { type: 'call_started', call_id: id, model },
});

const ending = (call: CallRecord): NewEvent => ({
  key: `call/${call.id}/ended`,
  attempt: call.attempt,
  content: {
    type: 'call_ended',
    call_id: call.id,
    model: call.responseModel ?? call.requestedModel,
    status: call.status,
    http_status: call.httpStatus,
    usage: call.usage && {
      input_tokens: call.usage.inputTokens,
      cached_tokens: call.usage.cachedTokens,
      cache_write_tokens: call.usage.cacheWriteTokens,
      output_tokens: call.usage.outputTokens,
      reasoning_tokens: call.usage.reasoningTokens,
    },
    cost_usd: call.costUsd,
    duration_ms: call.endedAt === null ? null : call.endedAt.getTime() - call.startedAt.getTime(),
    error: call.error,
  },
});

/**
 * A call that reports no usage adds nothing; one with usage and no known price makes the cost unknown; one that was
 * refused for want of budget was none.
 */
function sumUsage(calls: readonly CallRecord[]): Usage {
  return calls.reduce<Usage>(
    (sum, { status, usage, costUsd }) => ({
      llm_calls: sum.llm_calls + (status === 'refused' ? 0 : 1),
      refused_calls: sum.refused_calls + (status === 'refused' ? 1 : 0),
      input_tokens: sum.input_tokens + (usage?.inputTokens ?? 0),
      cached_tokens: sum.cached_tokens + (usage?.cachedTokens ?? 0),
      cache_write_tokens: sum.cache_write_tokens + (usage?.cacheWriteTokens ?? 0),
      output_tokens: sum.output_tokens + (usage?.outputTokens ?? 0),
      reasoning_tokens: sum.reasoning_tokens + (usage?.reasoningTokens ?? 0),
      cost_usd: sum.cost_usd === null || (usage && costUsd === null) ? null : sum.cost_usd + (costUsd ?? 0),
    }),
    noUsage,
  );
}

function toRow({ usage, ...call }: CallRecord): Insertable<Database['calls']> {
  return {
    ...call,
    inputTokens: usage?.inputTokens ?? null,
    cachedTokens: usage?.cachedTokens ?? null,
    cacheWriteTokens: usage?.cacheWriteTokens ?? null,
    outputTokens: usage?.outputTokens ?? null,
    reasoningTokens: usage?.reasoningTokens ?? null,
  };
}

function fromRow(row: Selectable<Database['calls']>): CallRecord {
  const { inputTokens, cachedTokens, cacheWriteTokens, outputTokens, reasoningTokens, ...call } = row;
  const usage =
    inputTokens === null
      ? null
      : {
          inputTokens,
          cachedTokens: cachedTokens ?? 0,
          cacheWriteTokens: cacheWriteTokens ?? 0,
          outputTokens: outputTokens ?? 0,
          reasoningTokens: reasoningTokens ?? 0,
        };
  return { ...call, usage };
}
