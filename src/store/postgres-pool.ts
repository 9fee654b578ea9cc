import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { isOutage } from '../model/outage.ts';

export interface PostgresOptions {
  /** `postgresql://user:password@host:5432/database`. */
  readonly url: string;
  /** Connections at once; more statements than that wait for each other. Default: 10. */
  readonly connections?: number;
  /** Milliseconds that a statement waits for a server that is away before it fails as an outage. Default: 5,000. */
  readonly patienceMs?: number;
  /** Told of each connection that breaks; nothing needs to be done about it. */
  readonly onBroken: (error: Error) => void;
  /** Told how it went, each time that a connection was asked for. */
  readonly onReach?: (reached: boolean) => void;
}

/** Milliseconds between looks whether the server is back. */
const lookMs = 100;

/** Reads values as the embedded database does: all of our int8 fit into a number. */
const types = new pg.TypeOverrides();
types.setTypeParser(pg.types.builtins.INT8, Number);

/**
 * Connections to a Postgres that may be restarted at any time: who needs one while it is away waits a little. A statement
 * that a restart interrupts fails all the same, since nobody knows whether it was carried out.
 */
export function postgresPool({ url, connections = 10, patienceMs = 5_000, onBroken, onReach }: PostgresOptions) {
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    types,
    application_name: 'harbor',
  });
  pool.on('error', onBroken);
  // Between two statements of a transaction nobody else listens, and an error that nobody hears ends the process.
  pool.on('connect', (client) => client.on('error', onBroken));
  return {
    options: pool.options,
    async connect(): Promise<pg.PoolClient> {
      const deadline = Date.now() + patienceMs;
      for (;;) {
        try {
          const connection = await pool.connect();
          onReach?.(true);
          return connection;
        } catch (error) {
          if (!isOutage(error)) throw error;
          onReach?.(false);
          if (Date.now() >= deadline) throw error;
        }
        await sleep(lookMs);
      }
    },
    end: () => pool.end(),
  };
}
