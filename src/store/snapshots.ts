import type { Selectable } from 'kysely';
import type { Snapshot } from '../sandboxes/provider.ts';
import { type Db, toJson } from './database.ts';
import { LruCache } from './lru-cache.ts';
import type { Database } from './schema.ts';

export type SnapshotRow = Selectable<Database['snapshots']>;

/** What is known of the snapshots that were built (a row changes only when it is built anew); whether one still exists is the provider's word alone. */
export interface SnapshotStore {
  find(name: string): Promise<SnapshotRow | undefined>;
  save(provider: string, snapshot: Snapshot): Promise<void>;
  touch(name: string): Promise<void>;
  /** When each of them was used last, to the minute; without those that are not known. */
  lastUsed(names: readonly string[]): Promise<ReadonlyMap<string, Date>>;
}

/** Milliseconds in which a snapshot that is used again and again is written down once. */
const touchEveryMs = 60_000;
const remembered = 500;

export function snapshotStore(db: Db): SnapshotStore {
  const known = new LruCache<SnapshotRow>(remembered);
  const touched = new LruCache<number>(remembered);

  return {
    async find(name) {
      const row =
        known.get(name) ?? (await db.selectFrom('snapshots').selectAll().where('name', '=', name).executeTakeFirst());
      if (row) known.set(name, row);
      return row;
    },
    async save(provider, { name, providerRef, sizeBytes, facts }) {
      const values = { provider, providerRef, sizeBytes, facts: toJson(facts), lastUsedAt: new Date() };
      await db
        .insertInto('snapshots')
        .values({ name, ...values })
        .onConflict((conflict) => conflict.column('name').doUpdateSet(values))
        .execute();
      known.delete(name);
    },
    async touch(name) {
      if (Date.now() - (touched.get(name) ?? 0) < touchEveryMs) return;
      touched.set(name, Date.now());
      await db.updateTable('snapshots').set({ lastUsedAt: new Date() }).where('name', '=', name).execute();
    },
    async lastUsed(names) {
      if (names.length === 0) return new Map();
      const rows = await db.selectFrom('snapshots').select(['name', 'lastUsedAt']).where('name', 'in', names).execute();
      return new Map(rows.map(({ name, lastUsedAt }) => [name, lastUsedAt]));
    },
  };
}
