import { Migrator } from 'kysely/migration';
import { HarborError } from '../model/errors.ts';
import { type Db, migrations } from './database.ts';

const migrator = (db: Db) => new Migrator({ db, provider: { getMigrations: async () => migrations } });

/**
 * Brings the tables up to date: all that is missing in one transaction, under a lock of the database, so that any number
 * of processes may begin with it at the same time. Returns the names of what it applied.
 */
export async function migrate(db: Db): Promise<readonly string[]> {
  const { error, results = [] } = await migrator(db).migrateToLatest();
  if (error === undefined) return results.map(({ migrationName }) => migrationName);
  const failed = results.find(({ status }) => status === 'Error')?.migrationName ?? 'a migration';
  throw new HarborError('internal', `the store could not be brought up to date: ${failed} failed`, { cause: error });
}

/** Names of the migrations that this version has and the store has not; changes nothing. */
export async function pendingMigrations(db: Db): Promise<readonly string[]> {
  const all = await migrator(db).getMigrations();
  return all.filter(({ executedAt }) => executedAt === undefined).map(({ name }) => name);
}
