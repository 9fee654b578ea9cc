import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll } from 'vitest';
import { readRoleInstallation } from '../../src/roles/role.ts';
import { HarborClient } from '../../src/sdk/client.ts';
import { packContext } from '../../src/sdk/pack-context.ts';
import type { Db } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openPostgresDatabase } from '../../src/store/postgres-database.ts';
import { freePort } from '../embedded/support/temporary.ts';
import { removeEverything, runningContainersOf } from './engine.ts';
import { createDatabase, startPostgres, type TestPostgres } from './postgres.ts';
import { eventually, type Files, withFolder } from './project.ts';
import { type RoleProcess, startRole } from './roles.ts';
import { startTemporal, type TestTemporal } from './temporal.ts';

/** Harbor as processes of their own, with a Postgres, a Temporal server and an api; other roles as the tests start them. */
export interface TestInstallation {
  readonly id: string;
  /** What each role is started with. */
  readonly settings: Readonly<Record<string, string>>;
  readonly postgres: TestPostgres;
  readonly temporal: TestTemporal;
  readonly client: HarborClient;
  readonly temporalClient: Client;
  readonly db: Db;
  start(role: string, more?: Readonly<Record<string, string>>, within?: readonly string[]): Promise<RoleProcess>;
  end(role: RoleProcess, signal: NodeJS.Signals): Promise<void>;
  /** Uploads files under a name and has a worker build them. */
  deploy(name: string, files: Files): Promise<void>;
  /** The container of an attempt, once it runs. */
  boxOf(rolloutId: string, attempt: number): Promise<string>;
}

/** One for a file of tests. */
export function useInstallation(): () => TestInstallation {
  let made: TestInstallation | undefined;
  const held = new AsyncDisposableStack();
  beforeAll(async () => {
    made = await makeInstallation(held);
  }, 300_000);
  afterAll(() => held.disposeAsync(), 300_000);
  return () => {
    if (!made) throw new Error('the installation is not there yet');
    return made;
  };
}

async function makeInstallation(held: AsyncDisposableStack): Promise<TestInstallation> {
  const home = await mkdtemp(join(tmpdir(), 'harbor-installation-'));
  held.defer(() => rm(home, { recursive: true, force: true }));
  const secret = randomBytes(32).toString('hex');
  const { id } = readRoleInstallation({ HARBOR_SECRET: secret });
  held.defer(() => removeEverything(id));
  const postgres = await startPostgres();
  held.defer(() => postgres.remove());
  const temporal = await startTemporal();
  held.defer(() => temporal.stop());
  const apiKey = `harbor_${randomBytes(12).toString('hex')}`;
  const settings = {
    DATABASE_URL: await createDatabase(postgres.folder),
    TEMPORAL_ADDRESS: temporal.address,
    HARBOR_SECRET: secret,
    HARBOR_API_KEY: apiKey,
    HARBOR_INTERCEPTOR_PORT: String(await freePort()),
  };
  const connection = await Connection.connect({ address: temporal.address });
  held.defer(() => connection.close());
  const db = openPostgresDatabase({ url: settings.DATABASE_URL, onBroken: () => {} });
  held.defer(() => db.destroy());
  await migrate(db);

  const running = new Set<RoleProcess>();
  const start: TestInstallation['start'] = async (role, more = {}, within = []) => {
    const started = await startRole(role, home, { ...settings, ...more }, within);
    running.add(started);
    return started;
  };
  const end: TestInstallation['end'] = async (role, signal) => {
    running.delete(role);
    await role.end(signal);
  };
  held.defer(async () => {
    await Promise.all(Array.from(running, (role) => role.end('SIGTERM')));
  });
  const client = new HarborClient({ url: (await start('api')).url, apiKey });

  return {
    id,
    settings,
    postgres,
    temporal,
    client,
    temporalClient: new Client({ connection }),
    db,
    start,
    end,
    async deploy(name, files) {
      const worker = await start('worker');
      await withFolder(files, async (folder) => {
        await using context = await packContext(folder);
        await client.upload({ name }, context.file);
      });
      await eventually('the snapshot', async () => (await client.status(name)).status === 'ready', 120);
      await end(worker, 'SIGTERM');
    },
    boxOf: (rolloutId, attempt) =>
      eventually(`the sandbox of attempt ${attempt}`, async () =>
        (await runningContainersOf(id)).find((name) => name.includes(`-${rolloutId}-a${attempt}-`)),
      ),
  };
}
