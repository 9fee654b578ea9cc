import { PGlite, types } from '@electric-sql/pglite';
import { CamelCasePlugin, Kysely, PGliteDialect } from 'kysely';
import { Migrator } from 'kysely/migration';
import { HarborError } from '../model/errors.ts';
import * as first from './migrations/0001-first.ts';
import * as events from './migrations/0002-events.ts';
import * as instances from './migrations/0003-instances.ts';
import * as batchMarks from './migrations/0004-batch-marks.ts';
import * as batches from './migrations/0020-batches.ts';
import type { Database } from './schema.ts';

export type Db = Kysely<Database>;

/**
 * The embedded database: PGlite in `folder` (undefined: in memory, for tests). The caller holds the data folder's lock
 * before: two processes on one folder lose rows without a word. Brings the tables up to date.
 */
export async function openEmbeddedDatabase(folder: string | undefined): Promise<Db> {
  const client = await PGlite.create({ dataDir: folder ?? 'memory://', parsers: { [types.INT8]: Number } });
  const db = new Kysely<Database>({
    dialect: new PGliteDialect({ pglite: client }),
    plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })],
  });
  await migrate(db);
  return db;
}

const migrations = {
  '0001-first': first,
  '0002-events': events,
  '0003-instances': instances,
  '0004-batch-marks': batchMarks,
  '0020-batches': batches,
};

async function migrate(db: Db): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const { error, results } = await migrator.migrateToLatest();
  if (error === undefined) return;
  const failed = results?.find((result) => result.status === 'Error')?.migrationName ?? 'a migration';
  throw new HarborError('internal', `the store could not be brought up to date: ${failed} failed`, { cause: error });
}

/** A value for a jsonb column. */
export function toJson(value: object): string {
  return JSON.stringify(value);
}
