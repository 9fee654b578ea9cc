import type { Selectable } from 'kysely';
import type { Snapshot } from '../sandboxes/provider.ts';
import { type Db, toJson } from './database.ts';
import type { Database } from './schema.ts';

export type SnapshotRow = Selectable<Database['snapshots']>;

/** What is known of the snapshots that were built; whether one still exists is the provider's word alone. */
export interface SnapshotStore {
  find(name: string): Promise<SnapshotRow | undefined>;
  save(provider: string, snapshot: Snapshot): Promise<void>;
  touch(name: string): Promise<void>;
}

export function snapshotStore(db: Db): SnapshotStore {
  return {
    find: (name) => db.selectFrom('snapshots').selectAll().where('name', '=', name).executeTakeFirst(),
    async save(provider, { name, providerRef, sizeBytes, facts }) {
      const values = { provider, providerRef, sizeBytes, facts: toJson(facts), lastUsedAt: new Date() };
      await db
        .insertInto('snapshots')
        .values({ name, ...values })
        .onConflict((conflict) => conflict.column('name').doUpdateSet(values))
        .execute();
    },
    async touch(name) {
      await db.updateTable('snapshots').set({ lastUsedAt: new Date() }).where('name', '=', name).execute();
    },
  };
}
