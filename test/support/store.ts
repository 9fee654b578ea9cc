import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import type { Db } from '../../src/store/database.ts';
import { openEmbeddedDatabase } from '../../src/store/embedded-database.ts';
import { fileBlobs } from '../../src/store/file-blobs.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openPostgresDatabase } from '../../src/store/postgres-database.ts';
import { createStore, type Store } from '../../src/store/store.ts';
import { createDatabase } from './postgres.ts';

export interface TestStore extends Store {
  readonly db: Db;
  close(): Promise<void>;
}

/** A store of its own, on the database of the test's project; blobs in a folder that goes with it. */
export async function openTestStore(): Promise<TestStore> {
  const folder = await mkdtemp(join(tmpdir(), 'harbor-store-'));
  const db = await openTestDatabase();
  return {
    ...createStore(db, fileBlobs(folder)),
    db,
    async close() {
      await db.destroy();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function openTestDatabase(): Promise<Db> {
  const postgres = inject('postgresFolder');
  if (postgres === undefined) return openEmbeddedDatabase(undefined);
  const db = openPostgresDatabase({ url: await createDatabase(postgres), onBroken: () => {} });
  await migrate(db);
  return db;
}
