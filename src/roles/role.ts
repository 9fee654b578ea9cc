import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { type Config, installationSecret } from '../config.ts';
import type { Installation } from '../embedded/home.ts';
import { HarborError, invalid } from '../model/errors.ts';
import { fileBlobs } from '../store/file-blobs.ts';
import { pendingMigrations } from '../store/migrate.ts';
import { createStore, type Store } from '../store/store.ts';
import type { Ending } from './drain.ts';
import { openMeasuredPostgres } from './open-database.ts';
import { temporalSettings } from './temporal-settings.ts';
import { installTemporalLogger } from './worker.ts';

/** What `harbor api`, `worker` and `interceptor` are started with. */
export interface RoleOptions extends Ending {
  readonly config: Config;
  readonly env: NodeJS.ProcessEnv;
  readonly logger: Logger;
  /** Told once, when it serves; `metrics` is where it is scraped. */
  readonly onReady: (info: { readonly url: string; readonly metrics: string }) => void;
}

/** Who all processes with one HARBOR_SECRET are together. */
export function readRoleInstallation(env: NodeJS.ProcessEnv): Installation {
  const secret = installationSecret(env);
  const digits = createHash('sha256').update(`installation ${secret}`).digest('hex');
  // The form of a random uuid, which engines' labels and names are made of.
  const id = `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-8${digits.slice(17, 20)}-${digits.slice(20, 32)}`;
  return { id, secret };
}

/** The store on DATABASE_URL, with blobs in HARBOR_HOME. Refuses one that lacks tables: it is not this process that makes them. */
export async function openRoleStore(
  { config, logger }: RoleOptions,
  metrics: Registry,
  held: AsyncDisposableStack,
): Promise<Store> {
  const url = config.databaseUrl;
  if (url === undefined) throw invalid('DATABASE_URL', 'is not set', '`harbor up` needs none.');
  const db = openMeasuredPostgres({ url, logger, metrics });
  held.defer(() => db.destroy());
  const pending = await pendingMigrations(db);
  if (pending.length > 0) {
    throw new HarborError('internal', `the store lacks ${pending.join(', ')}`, {
      remedy: 'Run `harbor migrate` first.',
    });
  }
  return createStore(db, fileBlobs(join(config.homePath, 'blobs')));
}

/** A client of the Temporal server that the TEMPORAL_* variables name. */
export async function connectTemporal(
  { env, logger }: Pick<RoleOptions, 'env' | 'logger'>,
  held: AsyncDisposableStack,
) {
  const { connectionOptions, namespace } = temporalSettings(env);
  installTemporalLogger(logger);
  const connection = await NativeConnection.connect(connectionOptions);
  held.defer(() => connection.close());
  return { connection, client: new Client({ connection, namespace }) };
}
