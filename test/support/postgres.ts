import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** A real Postgres server in a folder that goes with it, reached by a socket there. */
export interface TestPostgres {
  readonly folder: string;
  start(): Promise<void>;
  /** Connections are ended. SIGINT, as an administrator does it, unless another signal is given; SIGQUIT is a crash. */
  stop(signal?: 'SIGINT' | 'SIGQUIT'): Promise<void>;
  remove(): Promise<void>;
}

/** The server refuses to run as root: then it runs as `nobody`. */
const nobody = 65_534;
const isRoot = process.getuid?.() === 0;
const owner = isRoot ? { uid: nobody, gid: nobody } : {};

export async function startPostgres(): Promise<TestPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'harbor-postgres-'));
  if (isRoot) await chown(folder, nobody, nobody);
  await chmod(folder, 0o755);
  const data = join(folder, 'data');
  const programs = await programsFolder();
  const run = (program: string, args: readonly string[]) =>
    spawn(join(programs, program), args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'], ...owner });
  const made = run('initdb', ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync']);
  const [code] = await once(made, 'exit');
  if (code !== 0) throw new Error(`initdb ended with ${code}`);

  let server: ChildProcess | undefined;
  const settings = [
    'listen_addresses=',
    `unix_socket_directories=${folder}`,
    'fsync=off',
    'max_connections=200',
    'log_min_messages=panic',
  ];

  async function start(): Promise<void> {
    const started = run('postgres', ['-D', data, ...settings.flatMap((setting) => ['-c', setting])]);
    server = started;
    for (;;) {
      const failure = await ask(folder, 'select 1').then(
        () => undefined,
        (error: unknown) => error,
      );
      if (failure === undefined) return;
      if (started.exitCode !== null) throw new Error('postgres does not start', { cause: failure });
      await sleep(50);
    }
  }

  async function stop(signal: 'SIGINT' | 'SIGQUIT' = 'SIGINT'): Promise<void> {
    if (!server || server.exitCode !== null) return;
    const ended = once(server, 'exit');
    server.kill(signal);
    await ended;
  }

  await start();
  return {
    folder,
    start,
    stop,
    async remove() {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Makes an empty database on the server of this folder; returns its address. */
export async function createDatabase(folder: string): Promise<string> {
  const name = `t${randomUUID().replaceAll('-', '')}`;
  await ask(folder, `create database ${name}`);
  return addressOf(folder, name);
}

const addressOf = (folder: string, database: string) =>
  `postgresql://postgres@/${database}?host=${encodeURIComponent(folder)}`;

async function ask(folder: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: addressOf(folder, 'postgres') });
  try {
    await client.connect();
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Debian keeps the server's programs out of PATH, by version. */
export async function programsFolder(): Promise<string> {
  const root = '/usr/lib/postgresql';
  const [newest] = (await readdir(root)).sort((a, b) => Number(b) - Number(a));
  if (!newest) throw new Error('no Postgres is installed: node scripts/setup.mjs --for-tests');
  return join(root, newest, 'bin');
}
