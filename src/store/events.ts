import { type EventEmitter, once } from 'node:events';
import { sql } from 'kysely';
import type { EventContent, RolloutEvent } from '../model/event.ts';
import { hasEnded } from './attempts.ts';
import type { Db } from './database.ts';

/** An event before it has its place. */
export interface NewEvent {
  /** Names it within its rollout: said again under the same name, it is the same event. */
  readonly key: string;
  readonly attempt: number;
  readonly content: EventContent;
}

/** A piece of a stream of output, by the bytes that it covers, and what it tells. */
export interface ToldOutput {
  /** Names the stream within the rollout. */
  readonly stream: string;
  readonly from: number;
  readonly to: number;
  readonly attempt: number;
  readonly contents: readonly EventContent[];
}

/**
 * What happens in rollouts: one table that only grows, with places without a gap, so that any process serves any reader
 * from any place.
 */
export interface EventStore {
  /** Puts events behind those that are there; what is there under the same key already is left as it is. */
  append(rolloutId: string, events: readonly NewEvent[]): Promise<void>;
  /** As append, for the next piece of a stream. False: another writer has told it, the piece before is missing, or the attempt has ended. */
  tell(rolloutId: string, output: ToldOutput): Promise<boolean>;
  /** Bytes of a stream that were told. */
  told(rolloutId: string, stream: string): Promise<number>;
  /** At most `limit` events behind `after`, in order. */
  list(rolloutId: string, after: number, limit: number): Promise<readonly RolloutEvent[]>;
  /** Resolves when this process appends to the rollout, or with the signal; another process's events are not heard. */
  appended(rolloutId: string, signal: AbortSignal): Promise<void>;
}

export function eventStore(db: Db, bell: EventEmitter): EventStore {
  return {
    async append(rolloutId, events) {
      if (events.length === 0) return;
      await untilUnique(() => placed(rolloutId, events, sql`true`).execute(db));
      bell.emit(rolloutId);
    },

    async tell(rolloutId, { stream, from, to, attempt, contents }) {
      const events = contents.map((content, index) => ({ key: `${stream}@${from}.${index}`, attempt, content }));
      const moved = await untilUnique(async () => {
        const { rows } = await sql<{ position: number }>`with moved as (
          insert into event_streams (rollout_id, stream, position)
          select ${rolloutId}::text, ${stream}::text, ${to}::bigint
          where (${from}::bigint = 0 or exists (
            select 1 from event_streams where rollout_id = ${rolloutId} and stream = ${stream}
          )) and not ${hasEnded(rolloutId, attempt)}
          on conflict (rollout_id, stream) do update set position = excluded.position
          where event_streams.position = ${from}::bigint
          returning position
        ), told as (${placed(rolloutId, events, sql`exists (select 1 from moved)`)} returning seq)
        select position from moved`.execute(db);
        return rows.length > 0;
      });
      if (moved) bell.emit(rolloutId);
      return moved;
    },

    async told(rolloutId, stream) {
      const row = await db
        .selectFrom('eventStreams')
        .select('position')
        .where('rolloutId', '=', rolloutId)
        .where('stream', '=', stream)
        .executeTakeFirst();
      return row?.position ?? 0;
    },

    async list(rolloutId, after, limit) {
      const rows = await db
        .selectFrom('events')
        .select(['seq', 'attempt', 'at', 'data'])
        .where('rolloutId', '=', rolloutId)
        .where('seq', '>', after)
        .orderBy('seq')
        .limit(limit)
        .execute();
      return rows.map(({ data, ...event }) => ({ ...event, content: data }));
    },

    async appended(rolloutId, signal) {
      await once(bell, rolloutId, { signal }).catch(() => {});
    },
  };
}

/**
 * Gives events the next places. Two that do so at the same time take the same ones: the database lets the first one through,
 * and the other begins again. So a place is visible only when all before it are.
 */
export const placed = (rolloutId: string, events: readonly NewEvent[], condition: ReturnType<typeof sql>) => sql`
  insert into events (rollout_id, seq, key, type, attempt, data)
  select ${rolloutId}::text, last.seq + row_number() over (order by fresh.place), fresh.key, fresh.type, fresh.attempt, fresh.data
  from jsonb_to_recordset(${storable(
    events.map(({ key, attempt, content }, place) => ({ key, attempt, type: content.type, data: content, place })),
  )}::jsonb) as fresh (place integer, key text, type text, attempt integer, data jsonb),
  (select coalesce(max(seq), 0) as seq from events where rollout_id = ${rolloutId}) as last
  where ${condition} and not exists (select 1 from events where rollout_id = ${rolloutId} and key = fresh.key)`;

/** A database's text holds neither a NUL nor half of a surrogate pair; output may. */
function storable(value: object): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'string' ? part.toWellFormed().replaceAll('\0', '\uFFFD') : part,
  );
}

const uniqueViolation = '23505';
/** Writers of one rollout at the same time: its activity, the projector, the API. */
const tries = 20;

/** Repeats a statement that another writer was faster than. */
export async function untilUnique<T>(statement: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await statement();
    } catch (error) {
      const lost = error instanceof Error && 'code' in error && error.code === uniqueViolation;
      if (!lost || tried === tries) throw error;
    }
  }
}
