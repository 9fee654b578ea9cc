import { PGlite, types } from '@electric-sql/pglite';
import { PGliteDialect } from 'kysely';
import { type Db, openDatabase } from './database.ts';
import { migrate } from './migrate.ts';

/**
 * The embedded database: PGlite in `folder` (undefined: in memory, for tests). The caller holds the data folder's lock
 * before: two processes on one folder lose rows without a word. Brings the tables up to date.
 */
export async function openEmbeddedDatabase(folder: string | undefined): Promise<Db> {
  const client = await PGlite.create({ dataDir: folder ?? 'memory://', parsers: { [types.INT8]: Number } });
  const db = openDatabase(new PGliteDialect({ pglite: client }));
  await migrate(db);
  return db;
}
