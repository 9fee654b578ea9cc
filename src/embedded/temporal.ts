import { Connection } from '@temporalio/client';
import { type Child, type ChildSpec, ensureChild } from './child.ts';
import type { Home } from './home.ts';
import { plainEnvironment } from './llm-variables.ts';
import { childPort } from './ports.ts';

export const temporalName = 'temporal';

const preferredPort = 7233;
const preferredUiPort = 8233;

/** The one word by which a running server is known to have been started as below; changes when the flags do. */
const flagsVersion = 'v1';

export interface TemporalOptions {
  readonly home: Home;
  /** Finds or makes the `temporal` program; asked only where a server of ours is needed. */
  readonly binary: () => Promise<string>;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

export interface TemporalServer {
  readonly address: string;
  /** null: a configured server, whose UI we do not know. */
  readonly uiUrl: string | null;
  /** Undefined: a configured server, which is not ours to watch or stop. */
  readonly child: Child | undefined;
}

/** The server that TEMPORAL_ADDRESS names; else the data folder's own dev server, adopted or started on its database. */
export async function ensureTemporal(options: TemporalOptions): Promise<TemporalServer> {
  const { home, env, signal } = options;
  const configured = env['TEMPORAL_ADDRESS'];
  if (configured) return { address: configured, uiUrl: env['TEMPORAL_UI_URL'] || null, child: undefined };
  const port = await childPort(home, temporalName, 'temporal', preferredPort);
  const uiPort = await childPort(home, temporalName, 'temporal-ui', preferredUiPort);
  const address = `127.0.0.1:${port}`;
  const spec: ChildSpec = {
    name: temporalName,
    command: [await options.binary(), ...serverArguments(home, port, uiPort)],
    env: plainEnvironment(env),
    tag: flagsVersion,
    accepts: (tag) => tag === flagsVersion,
    isHealthy: () => answers(address),
  };
  return { address, uiUrl: `http://127.0.0.1:${uiPort}`, child: await ensureChild(home, spec, signal) };
}

function serverArguments(home: Home, port: number, uiPort: number): string[] {
  const options = [
    ['--ip', '127.0.0.1'],
    ['--port', String(port)],
    ['--ui-port', String(uiPort)],
    ['--log-level', 'error'],
  ];
  return ['server', 'start-dev', ...options.flat(), ...storageArguments(home.files.temporalDatabase)];
}

/** What decides how fast it is. */
export function storageArguments(databaseFile: string): string[] {
  return [
    ['--db-filename', databaseFile],
    // Several times the throughput of the defaults; a power cut may cost the last moments, the death of a process nothing.
    ['--sqlite-pragma', 'journal_mode=wal'],
    ['--sqlite-pragma', 'synchronous=normal'],
    // Off by default on Server 1.29: a worker may get an activity with the answer to its workflow task.
    ['--dynamic-config-value', 'system.enableActivityEagerExecution=true'],
  ].flat();
}

/** Connecting asks GetSystemInfo of the server. */
async function answers(address: string): Promise<boolean> {
  const connection = await Connection.connect({ address, connectTimeout: '2s' });
  await connection.close();
  return true;
}
