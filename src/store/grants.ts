import { sql } from 'kysely';
import { HarborError } from '../model/errors.ts';
import type { Grant } from '../model/grant.ts';
import type { Absence } from '../model/resume.ts';
import type { AttemptRef } from '../model/stages.ts';
import { type Db, toJson } from './database.ts';

/** Seconds for which an interceptor may go by what it was told, counted from its last contact with the database. */
export const leaseSeconds = 10;

/** How far an interceptor is with an attempt that was revoked. */
export interface LeaseHolder {
  readonly interceptor: string;
  /** Since its last contact with the database. */
  readonly silentSeconds: number;
  readonly hasAcknowledged: boolean;
  readonly hasDrained: boolean;
}

/** What is known of an interceptor that may have served an attempt. */
export interface Witness {
  readonly interceptor: string;
  /** Since its last contact with the database. */
  readonly silentSeconds: number;
  /** Every call that ended at it before this is in the store, and every absence. */
  readonly settledAt: Date | null;
  readonly absences: readonly Absence[];
}

/** Work that a revocation leaves to an interceptor. */
export interface RevokedLease extends AttemptRef {
  readonly hasAcknowledged: boolean;
}

/** Which attempts may make calls, for interceptors that are not the worker's own children. */
export interface GrantStore {
  /** Idempotent. Throws `internal` where the attempt was revoked: that is for ever. */
  grant(grant: Grant): Promise<void>;
  /** From here on nobody is told of the grant any more. Idempotent, also for attempts that never were. */
  revoke(attempt: AttemptRef): Promise<void>;
  /** All interceptors that were told of the grant. Complete once the attempt is revoked. */
  holders(attempt: AttemptRef): Promise<readonly LeaseHolder[]>;
  /** Tells an interceptor of a grant, and remembers that. Undefined where the attempt may make no calls. */
  lease(interceptor: string, attempt: AttemptRef): Promise<Grant | undefined>;
  /** A sign of life. Returns its time, by the database's clock. */
  beat(interceptor: string): Promise<Date>;
  /** Says that all calls that ended at it before `at`, and its absences, are in the store. */
  settle(interceptor: string, at: Date, absences: readonly Absence[]): Promise<void>;
  /** The time by the database's clock. */
  now(): Promise<Date>;
  /** The interceptors that were told of the attempt; all that there are where none was. */
  witnesses(attempt: AttemptRef): Promise<readonly Witness[]>;
  /** Attempts that the interceptor was told of, that were revoked since, and of which it has not said that all is done. */
  revokedLeases(interceptor: string): Promise<readonly RevokedLease[]>;
  acknowledge(interceptor: string, attempt: AttemptRef): Promise<void>;
  /** The interceptor has ended, has forgotten what it was told, and its calls are in the store: nobody waits for it any more. */
  leave(interceptor: string): Promise<void>;
  /** Removes what was revoked before, and interceptors that have not been heard of since. Returns how many grants that were. */
  prune(before: Date): Promise<number>;
  setDrained(interceptor: string, attempt: AttemptRef): Promise<void>;
}

export function grantStore(db: Db): GrantStore {
  const set = async (column: 'acknowledgedAt' | 'drainedAt', interceptor: string, attempt: AttemptRef) => {
    await db
      .updateTable('grantLeases')
      .set({ [column]: new Date() })
      .where('rolloutId', '=', attempt.rolloutId)
      .where('attempt', '=', attempt.attempt)
      .where('interceptor', '=', interceptor)
      .execute();
  };

  return {
    async grant(grant) {
      const { rolloutId, attempt } = grant;
      const row = await db
        .insertInto('grants')
        .values({ rolloutId, attempt, content: toJson(grant) })
        .onConflict((conflict) => conflict.columns(['rolloutId', 'attempt']).doUpdateSet({ content: toJson(grant) }))
        .returning('revokedAt')
        .executeTakeFirstOrThrow();
      if (row.revokedAt !== null) {
        throw new HarborError('internal', `attempt ${attempt} of rollout ${rolloutId} was revoked; that is for ever`);
      }
    },

    async revoke({ rolloutId, attempt }) {
      await db
        .insertInto('grants')
        .values({ rolloutId, attempt, revokedAt: new Date() })
        .onConflict((conflict) =>
          conflict
            .columns(['rolloutId', 'attempt'])
            .doUpdateSet({ revokedAt: sql<Date>`coalesce(grants.revoked_at, excluded.revoked_at)` }),
        )
        .execute();
    },

    async holders({ rolloutId, attempt }) {
      const rows = await db
        .selectFrom('grantLeases')
        .innerJoin('interceptors', 'interceptors.id', 'grantLeases.interceptor')
        .select(['interceptor', 'acknowledgedAt', 'drainedAt'])
        .select(sql<number>`extract(epoch from clock_timestamp() - seen_at)::float8`.as('silentSeconds'))
        .where('rolloutId', '=', rolloutId)
        .where('attempt', '=', attempt)
        .execute();
      return rows.map(({ interceptor, silentSeconds, acknowledgedAt, drainedAt }) => ({
        interceptor,
        silentSeconds,
        hasAcknowledged: acknowledgedAt !== null,
        hasDrained: drainedAt !== null,
      }));
    },

    lease: (interceptor, { rolloutId, attempt }) =>
      db.transaction().execute(async (tx) => {
        // The lock keeps a revocation waiting until the lease is written: whoever revokes then finds every holder.
        const row = await tx
          .selectFrom('grants')
          .select('content')
          .where('rolloutId', '=', rolloutId)
          .where('attempt', '=', attempt)
          .where('revokedAt', 'is', null)
          .forShare()
          .executeTakeFirst();
        if (!row?.content) return undefined;
        await tx
          .insertInto('grantLeases')
          .values({ rolloutId, attempt, interceptor })
          .onConflict((conflict) => conflict.doNothing())
          .execute();
        return row.content;
      }),

    async beat(id) {
      const { seenAt } = await db
        .insertInto('interceptors')
        .values({ id, seenAt: sql<Date>`clock_timestamp()` })
        .onConflict((conflict) => conflict.column('id').doUpdateSet({ seenAt: sql<Date>`clock_timestamp()` }))
        .returning('seenAt')
        .executeTakeFirstOrThrow();
      return seenAt;
    },

    async settle(interceptor, settledAt, absences) {
      if (absences.length > 0) {
        await db
          .insertInto('interceptorAbsences')
          .values(absences.map((absence) => ({ interceptor, ...absence })))
          .onConflict((conflict) =>
            conflict.columns(['interceptor', 'since']).doUpdateSet((eb) => ({ until: eb.ref('excluded.until') })),
          )
          .execute();
      }
      await db.updateTable('interceptors').set({ settledAt }).where('id', '=', interceptor).execute();
    },

    async now() {
      const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(db);
      return rows[0]?.now ?? new Date();
    },

    async witnesses({ rolloutId, attempt }) {
      const told = db
        .selectFrom('grantLeases')
        .select('interceptor')
        .where('rolloutId', '=', rolloutId)
        .where('attempt', '=', attempt);
      const rows = await db
        .selectFrom('interceptors')
        .leftJoin('interceptorAbsences', 'interceptorAbsences.interceptor', 'interceptors.id')
        .select(['id', 'settledAt', 'since', 'until'])
        .select(sql<number>`extract(epoch from clock_timestamp() - seen_at)::float8`.as('silentSeconds'))
        .where((eb) => eb.or([eb('id', 'in', told), eb.not(eb.exists(told))]))
        .execute();
      return Array.from(
        Map.groupBy(rows, ({ id }) => id),
        ([interceptor, [first, ...more]]) => ({
          interceptor,
          silentSeconds: first?.silentSeconds ?? 0,
          settledAt: first?.settledAt ?? null,
          absences: [first, ...more].flatMap((row) =>
            row?.since && row.until ? [{ since: row.since, until: row.until }] : [],
          ),
        }),
      );
    },

    async revokedLeases(interceptor) {
      const rows = await db
        .selectFrom('grantLeases')
        .innerJoin('grants', (join) =>
          join
            .onRef('grants.rolloutId', '=', 'grantLeases.rolloutId')
            .onRef('grants.attempt', '=', 'grantLeases.attempt'),
        )
        .select(['grants.rolloutId', 'grants.attempt', 'acknowledgedAt'])
        .where('interceptor', '=', interceptor)
        .where('drainedAt', 'is', null)
        .where('revokedAt', 'is not', null)
        .execute();
      return rows.map(({ acknowledgedAt, ...attempt }) => ({ ...attempt, hasAcknowledged: acknowledgedAt !== null }));
    },

    async leave(interceptor) {
      await db.deleteFrom('grantLeases').where('interceptor', '=', interceptor).execute();
    },

    prune: (before) =>
      db.transaction().execute(async (tx) => {
        await tx
          .deleteFrom('grantLeases')
          .using('grants')
          .whereRef('grants.rolloutId', '=', 'grantLeases.rolloutId')
          .whereRef('grants.attempt', '=', 'grantLeases.attempt')
          .where('revokedAt', '<', before)
          .execute();
        const { numDeletedRows } = await tx
          .deleteFrom('grants')
          .where('revokedAt', '<', before)
          .executeTakeFirstOrThrow();
        await tx
          .deleteFrom('interceptors')
          .where('seenAt', '<', before)
          .where((eb) =>
            eb.not(
              eb.exists(
                eb.selectFrom('grantLeases').select('interceptor').whereRef('interceptor', '=', 'interceptors.id'),
              ),
            ),
          )
          .execute();
        return Number(numDeletedRows);
      }),

    acknowledge: (interceptor, attempt) => set('acknowledgedAt', interceptor, attempt),
    setDrained: (interceptor, attempt) => set('drainedAt', interceptor, attempt),
  };
}
