import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Db, openEmbeddedDatabase } from '../../src/store/database.ts';
import { fileBlobs } from '../../src/store/file-blobs.ts';
import { createStore, type Store } from '../../src/store/store.ts';

export interface TestStore extends Store {
  readonly db: Db;
  close(): Promise<void>;
}

/** A store of its own: an empty database in memory, blobs in a folder that goes with it. */
export async function openTestStore(): Promise<TestStore> {
  const folder = await mkdtemp(join(tmpdir(), 'harbor-store-'));
  const db = await openEmbeddedDatabase(undefined);
  return {
    ...createStore(db, fileBlobs(folder)),
    db,
    async close() {
      await db.destroy();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
