import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Db } from '../store/database.ts';
import { openEmbeddedDatabase } from '../store/embedded-database.ts';
import { migrate } from '../store/migrate.ts';
import { openPostgresDatabase } from '../store/postgres-database.ts';

export interface DatabaseChoice {
  /** Undefined: the embedded database of the data folder `home`, whose lock the caller holds. */
  readonly url: string | undefined;
  readonly home: string;
  readonly logger: Logger;
}

/** The database of one machine's Harbor, its tables up to date. */
export async function openMigratedDatabase({ url, home, logger }: DatabaseChoice): Promise<Db> {
  if (url === undefined) return openEmbeddedDatabase(join(home, 'store'));
  const db = openPostgresDatabase({
    url,
    onBroken: (error) => logger.warn({ err: error }, 'a connection to the database broke'),
  });
  try {
    await migrate(db);
    return db;
  } catch (error) {
    await db.destroy();
    throw error;
  }
}
