import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { fileBlobs } from '../../src/store/file-blobs.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openPostgresDatabase } from '../../src/store/postgres-database.ts';
import { createStore, type Store } from '../../src/store/store.ts';
import { createDatabase, startPostgres } from './postgres.ts';
import { eventually } from './project.ts';
import { type RoleProcess, startRole } from './roles.ts';

/** What roles stand on: a Postgres of its own, its tables made, and a data folder. */
export interface RoleGround {
  readonly home: string;
  readonly secret: string;
  readonly store: Store;
  readonly settings: Readonly<Record<string, string>>;
  /** A ready process that ends with the test, with all that it started. `within` as for `startRole`. */
  start(role: string, more?: Readonly<Record<string, string>>, within?: readonly string[]): Promise<RoleProcess>;
  remove(): Promise<void>;
}

export async function prepareGround(): Promise<RoleGround> {
  const home = await mkdtemp(join(tmpdir(), 'harbor-roles-'));
  const postgres = await startPostgres();
  const url = await createDatabase(postgres.folder);
  const db = openPostgresDatabase({ url, onBroken: () => {} });
  await migrate(db);
  const secret = randomBytes(32).toString('hex');
  const settings = { DATABASE_URL: url, HARBOR_SECRET: secret };
  return {
    home,
    secret,
    settings,
    store: createStore(db, fileBlobs(join(home, 'blobs'))),
    async start(role, more = {}, within = []) {
      const started = await startRole(role, home, { ...settings, ...more }, within);
      onTestFinished(async () => {
        // The second word ends it at once.
        started.kill('SIGTERM');
        await started.end('SIGTERM');
      });
      await eventually(`${role} to be ready`, async () => (await fetch(`${started.url}/readyz`)).ok);
      return started;
    },
    async remove() {
      await db.destroy();
      await postgres.remove();
      await rm(home, { recursive: true, force: true });
    },
  };
}
