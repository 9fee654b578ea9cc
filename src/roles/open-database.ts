import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { measureOutages, OutageClock } from '../metrics/outage-clock.ts';
import type { Db } from '../store/database.ts';
import { openEmbeddedDatabase } from '../store/embedded-database.ts';
import { migrate } from '../store/migrate.ts';
import { openPostgresDatabase } from '../store/postgres-database.ts';

interface Measured {
  readonly logger: Logger;
  readonly metrics: Registry;
}

export interface DatabaseChoice extends Measured {
  /** Undefined: the embedded database of the data folder `home`, whose lock the caller holds. */
  readonly url: string | undefined;
  readonly home: string;
}

/** The database of one machine's Harbor, its tables up to date. */
export async function openMigratedDatabase({ url, home, ...measured }: DatabaseChoice): Promise<Db> {
  if (url === undefined) return openEmbeddedDatabase(join(home, 'store'));
  const db = openMeasuredPostgres({ url, ...measured });
  try {
    await migrate(db);
    return db;
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

/** A Postgres database whose outages are logged and measured. */
export function openMeasuredPostgres({ url, logger, metrics }: Measured & { readonly url: string }): Db {
  const clock = new OutageClock();
  measureOutages(clock, metrics);
  return openPostgresDatabase({
    url,
    onBroken: (error) => logger.warn({ err: error }, 'a connection to the database broke'),
    onReach: (reached) => (reached ? clock.succeeded() : clock.failed()),
  });
}
