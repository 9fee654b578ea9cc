import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { childStateFile, readChildState } from '../../src/embedded/child-state.ts';
import { interceptorName } from '../../src/embedded/interceptor.ts';
import { storageArguments } from '../../src/embedded/temporal.ts';
import { readRoleInstallation } from '../../src/roles/role.ts';
import { HarborClient } from '../../src/sdk/client.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openPostgresDatabase } from '../../src/store/postgres-database.ts';
import { freePort } from '../embedded/support/temporary.ts';
import { removeEverything } from '../support/engine.ts';
import { EngineProxy } from '../support/engine-proxy.ts';
import { createDatabase, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { startTemporal, type TestTemporal } from '../support/temporal.ts';
import { Part } from './part.ts';
import { startUpstream, type Upstream } from './upstream.ts';

/** All of Harbor as an operator runs it, two processes of each role, on real servers that can be ended one by one. */
export class World implements AsyncDisposable {
  readonly installation: string;
  readonly upstream: Upstream;
  readonly engine: EngineProxy;
  readonly postgres: TestPostgres;
  readonly apis: readonly Part[];
  readonly workers: readonly Part[];
  readonly interceptors: readonly Part[];
  readonly #settings: Readonly<Record<string, string>>;
  readonly #home: string;
  readonly #interceptorFolders: readonly string[];
  readonly #startTemporal: () => Promise<TestTemporal>;
  #temporal: TestTemporal;

  private constructor(given: {
    readonly settings: Readonly<Record<string, string>>;
    readonly home: string;
    readonly upstream: Upstream;
    readonly engine: EngineProxy;
    readonly postgres: TestPostgres;
    readonly temporal: TestTemporal;
    readonly startTemporal: () => Promise<TestTemporal>;
    readonly apiPorts: readonly number[];
  }) {
    const { settings, home, upstream, engine, postgres, temporal } = given;
    this.installation = readRoleInstallation(settings).id;
    this.#settings = settings;
    this.#home = home;
    this.upstream = upstream;
    this.engine = engine;
    this.postgres = postgres;
    this.#temporal = temporal;
    this.#startTemporal = given.startTemporal;
    const part = (name: string, role: string, more: Readonly<Record<string, string>>) =>
      new Part(name, role, home, { ...settings, ...more });
    this.apis = given.apiPorts.map((port, n) => part(`api ${n + 1}`, 'api', { HARBOR_PORT: String(port) }));
    this.workers = [1, 2].map((n) => part(`worker ${n}`, 'worker', { DOCKER_HOST: `unix://${engine.socketPath}` }));
    this.#interceptorFolders = [1, 2].map((n) => join(home, `interceptor-${n}`));
    this.interceptors = this.#interceptorFolders.map((folder, n) =>
      part(`interceptor ${n + 1}`, 'interceptor', {
        HARBOR_INTERCEPTOR_DIR: folder,
        OPENAI_API_KEY: `sk-${randomBytes(12).toString('hex')}`,
        OPENAI_BASE_URL: upstream.baseUrl,
      }),
    );
  }

  static async start(): Promise<World> {
    const home = await mkdtemp(join(tmpdir(), 'harbor-chaos-'));
    const temporalPort = await freePort();
    const begin = () => startTemporal(storageArguments(join(home, 'temporal.db')), temporalPort);
    const [upstream, engine, postgres, temporal] = await Promise.all([
      startUpstream(),
      EngineProxy.start(),
      startPostgres(),
      begin(),
    ]);
    const settings = {
      DATABASE_URL: await createDatabase(postgres.folder),
      TEMPORAL_ADDRESS: temporal.address,
      HARBOR_SECRET: randomBytes(32).toString('hex'),
      HARBOR_API_KEY: `harbor_${randomBytes(12).toString('hex')}`,
      HARBOR_INTERCEPTOR_PORT: String(await freePort()),
    };
    const db = openPostgresDatabase({ url: settings.DATABASE_URL, onBroken: () => {} });
    await migrate(db);
    await db.destroy();
    const apiPorts = [await freePort(), await freePort()];
    const world = new World({ settings, home, upstream, engine, postgres, temporal, startTemporal: begin, apiPorts });
    await Promise.all(world.#parts.map((part) => part.start()));
    return world;
  }

  get #parts(): readonly Part[] {
    return [...this.apis, ...this.workers, ...this.interceptors];
  }

  /** By the first API or the second, whichever answers. */
  async ask<T>(question: (client: HarborClient) => Promise<T>): Promise<T> {
    let last: unknown;
    for (const { url } of this.apis) {
      try {
        return await question(new HarborClient({ url, apiKey: this.#settings['HARBOR_API_KEY'] ?? '' }));
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  /** The process that streams, below an interceptor: kill -9. Its supervisor starts the next one. */
  async killStream(interceptor: number): Promise<void> {
    signalIfThere(await this.#streamPid(interceptor), 'SIGKILL');
  }

  /** Stops it where it is for so long, longer than its lease maybe, its sockets open. */
  async freezeStream(interceptor: number, ms: number): Promise<void> {
    const pid = await this.#streamPid(interceptor);
    signalIfThere(pid, 'SIGSTOP');
    await sleep(ms);
    signalIfThere(pid, 'SIGCONT');
  }

  async #streamPid(interceptor: number): Promise<number | undefined> {
    const folder = this.#interceptorFolders[interceptor] ?? '';
    return (await readChildState(childStateFile(join(folder, 'run'), interceptorName)))?.identity.pid;
  }

  /** kill -9, and the next one on the same file. */
  async restartTemporal(awayMs: () => Promise<void>): Promise<void> {
    await this.#temporal.stop();
    await awayMs();
    this.#temporal = await this.#startTemporal();
  }

  /** Events of the longest history of each type of workflow. */
  async longestHistories(): Promise<Readonly<Record<string, number>>> {
    const connection = await Connection.connect({ address: this.#temporal.address });
    try {
      const longest: Record<string, number> = {};
      for await (const { type, historyLength } of new Client({ connection }).workflow.list()) {
        longest[type] = Math.max(longest[type] ?? 0, historyLength);
      }
      return longest;
    } finally {
      await connection.close();
    }
  }

  /** What its processes have said on stderr, by name. */
  errors(): string {
    return this.#parts.map((part) => `--- ${part.name}\n${part.errors()}`).join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#parts.map((part) => part.end('SIGTERM')));
    await this.#temporal.stop();
    await this.postgres.remove();
    await this.upstream[Symbol.asyncDispose]();
    await removeEverything(this.installation);
    await this.engine[Symbol.asyncDispose]();
    await rm(this.#home, { recursive: true, force: true });
  }
}

function signalIfThere(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}
