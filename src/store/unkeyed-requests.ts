import { type Selectable, sql } from 'kysely';
import { limits } from '../model/limits.ts';
import type { Db } from './database.ts';
import type { Database } from './schema.ts';

/** Seconds after its last sign of life for which the connections of an API process are taken to be open. */
const leaseSeconds = 10;

/** Seconds for which a process is watched before it is taken for dead: after an outage of the database all seem to be. */
const watchSeconds = 3;

/** Seconds that a connection may take to be seen closed: a caller may come back before the server knows that it went. */
const graceSeconds = 0.5;

/** A rollout request without a key, as one connection brings it. */
export interface UnkeyedRequest {
  /** The same for what counts as the same request. */
  readonly fingerprint: string;
  /** The id for what it makes, unless it is attached to what an earlier one made. */
  readonly id: string;
  /** Ids of the rollouts that it makes. */
  readonly rollouts: readonly string[];
  /** Names the connection. */
  readonly connection: string;
  /** Names the API process that has the connection. */
  readonly process: string;
}

/** What names a request that a connection holds. */
export type HeldRequest = Pick<UnkeyedRequest, 'fingerprint' | 'connection'>;

/**
 * Rollout requests without a key, so that one that comes again finds what the first made. A connection holds its request until
 * it is released or delivered, or until its process is dead.
 */
export interface UnkeyedRequestStore {
  /**
   * Has the connection hold the oldest equal request that nobody holds, whose result was not delivered, and that is open or ended
   * no longer than `limits.undeliveredSeconds` ago; where there is none, a new one. Returns its id. Undefined: there are some
   * of which it is not clear yet whether their connections are open; to be asked again in a moment, with the seconds since
   * the request came.
   */
  claim(request: UnkeyedRequest, sinceSeconds: number): Promise<string | undefined>;
  /** Gives up what the connection holds, without any result. */
  release(request: HeldRequest): Promise<void>;
  /** Says that the connection has handed over the result of what it holds. */
  deliver(request: HeldRequest): Promise<void>;
  /** A process's sign of life. */
  beat(process: string): Promise<void>;
  /** Removes what is a day old and can be attached to no more. */
  forget(): Promise<void>;
}

/** Marks the locks of claims; the other half is the fingerprint's. */
const claimsLock = 90;

export function unkeyedRequestStore(db: Db): UnkeyedRequestStore {
  const heldBy = ({ fingerprint, connection }: HeldRequest) =>
    db
      .updateTable('unkeyedRequests')
      .set({ connection: null, process: null })
      .where('fingerprint', '=', fingerprint)
      .where('deliveredAt', 'is', null)
      .where('connection', '=', connection);

  return {
    claim: ({ fingerprint, id, rollouts, connection, process }, sinceSeconds) =>
      db.transaction().execute(async (tx) => {
        await beat(tx, process);
        // One decides at a time, each on what the one before has left: of two that come at once the second sees the first.
        await sql`select pg_advisory_xact_lock(${claimsLock}, hashtext(${fingerprint}))`.execute(tx);
        const known = await tx
          .selectFrom('unkeyedRequests')
          .select(['id', 'connection', 'process'])
          .where('fingerprint', '=', fingerprint)
          .where('deliveredAt', 'is', null)
          .where(sql<boolean>`not ${isOver}`)
          .orderBy('createdAt')
          .forUpdate()
          .execute();
        const silence = await silenceOf(tx, known);
        silence.set(process, 0);
        const hold = known.map((row) => holdOf(row, silence, sinceSeconds));
        const free = known[hold.indexOf('free')];
        if (free) {
          await tx.updateTable('unkeyedRequests').set({ connection, process }).where('id', '=', free.id).execute();
          return free.id;
        }
        if (hold.includes('unclear')) return undefined;
        await tx
          .insertInto('unkeyedRequests')
          .values({ id, fingerprint, rollouts: sql`array[${sql.join(rollouts)}]::text[]`, connection, process })
          .execute();
        return id;
      }),

    async release(request) {
      await heldBy(request).execute();
    },

    async deliver(request) {
      await heldBy(request)
        .set({ deliveredAt: sql<Date>`now()` })
        .execute();
    },

    beat: (process) => beat(db, process),

    async forget() {
      await db
        .deleteFrom('unkeyedRequests')
        .where('createdAt', '<', aDayAgo)
        .where((eb) => eb.or([eb('deliveredAt', 'is not', null), sql<boolean>`not ${isOpen}`]))
        .execute();
      await db.deleteFrom('apiProcesses').where('seenAt', '<', aDayAgo).execute();
    },
  };
}

type Holder = Pick<Selectable<Database['unkeyedRequests']>, 'connection' | 'process'>;

/** A process that is seen after the request came, by so much that it must have noticed what closed before, says that all is open. */
function holdOf(
  { connection, process }: Holder,
  silence: ReadonlyMap<string, number>,
  sinceSeconds: number,
): 'free' | 'held' | 'unclear' {
  if (connection === null || process === null) return 'free';
  const silentSeconds = silence.get(process) ?? Number.POSITIVE_INFINITY;
  if (silentSeconds > leaseSeconds) return sinceSeconds > watchSeconds ? 'free' : 'unclear';
  return silentSeconds < sinceSeconds - graceSeconds ? 'held' : 'unclear';
}

async function silenceOf(db: Db, holders: readonly Holder[]): Promise<Map<string, number>> {
  const ids = holders.flatMap(({ process }) => process ?? []);
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('apiProcesses')
    .select('id')
    .select(sql<number>`extract(epoch from clock_timestamp() - seen_at)::float8`.as('seconds'))
    .where('id', 'in', ids)
    .execute();
  return new Map(rows.map(({ id, seconds }) => [id, seconds]));
}

async function beat(db: Db, id: string): Promise<void> {
  await db
    .insertInto('apiProcesses')
    .values({ id, seenAt: sql<Date>`clock_timestamp()` })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ seenAt: sql<Date>`clock_timestamp()` }))
    .execute();
}

const aDayAgo = sql<Date>`now() - interval '1 day'`;

const isOpen = sql`exists (
  select 1 from rollouts where rollouts.id = any(unkeyed_requests.rollouts) and closed_at is null)`;

/** Its end is too long ago, or is none that anybody waits for: one of its rollouts was closed before anything worked on it. */
const isOver = sql`coalesce((
  select bool_and(closed_at is not null) and (
    bool_or(workflow_run_id is null) or max(closed_at) < now() - make_interval(secs => ${sql.lit(limits.undeliveredSeconds)}))
  from rollouts where rollouts.id = any(unkeyed_requests.rollouts)
), false)`;
