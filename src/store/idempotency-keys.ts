import type { Selectable } from 'kysely';
import { sql } from 'kysely';
import type { Db } from './database.ts';
import type { Database } from './schema.ts';

export type IdempotencyKeyRow = Selectable<Database['idempotencyKeys']>;

/** A request that came with a key. */
export interface KeyedRequest {
  readonly organization: string;
  readonly key: string;
  /** Method and path. */
  readonly request: string;
  /** sha256 of the body, hex. */
  readonly bodyHash: string;
}

export interface IdempotencyKeyStore {
  /**
   * The row of a key that is not older than `hours`: the one that is there, whatever request it is of, or else a new one of
   * this request, whose effect will have the id `effectId`. Rows that are older are removed.
   */
  claim(request: KeyedRequest, effectId: string, hours: number): Promise<IdempotencyKeyRow>;
  /** Says that a key's request made nothing, but joined what has another id. */
  join(request: KeyedRequest, effectId: string): Promise<void>;
}

export function idempotencyKeyStore(db: Db): IdempotencyKeyStore {
  return {
    claim: (request, effectId, hours) =>
      db.transaction().execute(async (tx) => {
        await tx
          .deleteFrom('idempotencyKeys')
          .where('createdAt', '<', sql<Date>`now() - make_interval(hours => ${hours})`)
          .execute();
        return (
          tx
            .insertInto('idempotencyKeys')
            .values({ ...request, effectId })
            // Sets nothing anew: it is how an insert gives back a row that is there, also one that another process just made.
            .onConflict((conflict) =>
              conflict.columns(['organization', 'key']).doUpdateSet((eb) => ({ key: eb.ref('excluded.key') })),
            )
            .returningAll()
            .executeTakeFirstOrThrow()
        );
      }),

    async join({ organization, key }, effectId) {
      await db
        .updateTable('idempotencyKeys')
        .set({ effectId })
        .where('organization', '=', organization)
        .where('key', '=', key)
        .execute();
    },
  };
}
