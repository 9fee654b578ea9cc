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

/** Throws where the store is behind: a process that goes on would fail at its first statement, or write what is wrong. */
export async function requireMigrated(db: Db): Promise<void> {
  const pending = await pendingMigrations(db);
  if (pending.length === 0) return;
  throw new HarborError('internal', `the store is behind this version of Harbor: it lacks ${pending.join(', ')}`, {
    remedy: 'Run `harbor migrate` with the same DATABASE_URL, then start again.',
  });
}
