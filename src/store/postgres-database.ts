import { PostgresDialect } from 'kysely';
import { type Db, openDatabase } from './database.ts';
import { type PostgresOptions, postgresPool } from './postgres-pool.ts';

/** A database of a Postgres server. Connects when it is first asked; its tables are left as they are: see migrate.ts. */
export function openPostgresDatabase(options: PostgresOptions): Db {
  return openDatabase(new PostgresDialect({ pool: postgresPool(options) }));
}
