import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { homeHolder, homePath, readServerInfo, type ServerInfo } from '../embedded/home.ts';
import { HarborError } from '../model/errors.ts';
import { startUp, type UpProcess, type UpProcessOptions } from './up-process.ts';

/** The server that the demo uses. Disposing of it ends the one that the demo started, and no other. */
export interface DemoServer extends AsyncDisposable {
  readonly info: ServerInfo;
  /** Whether the demo started it. */
  readonly isOwn: boolean;
  /** Aborted when the demo's own server died and cannot be started again; its reason says why. */
  readonly lost: AbortSignal;
}

export interface DemoServerOptions extends UpProcessOptions {
  /** Gives up waiting for it to start. */
  readonly signal: AbortSignal;
}

const pollMs = 300;
/** A server that dies so often will not get better. */
const mostStarts = 6;

/** Uses the server that runs on the data folder; where none does, starts one, and again whenever it dies. */
export async function openDemoServer(options: DemoServerOptions): Promise<DemoServer> {
  const { env, tell, signal } = options;
  const home = homePath(env);
  const lost = new AbortController();
  const there = await runningServer(home, options);
  if (there) return { info: there, isOwn: false, lost: lost.signal, [Symbol.asyncDispose]: async () => {} };

  let current: UpProcess | undefined;
  let stopping = false;
  let starts = 0;

  const start = async (): Promise<ServerInfo> => {
    starts += 1;
    const up = startUp(options);
    current = up;
    try {
      await readyUnlessAborted(up, signal);
    } catch (error) {
      signal.throwIfAborted();
      // Another start on the same data folder may have been faster.
      const other = await runningServer(home, options);
      if (other) return other;
      throw error;
    }
    keep(up).catch((error: unknown) => lost.abort(error));
    const info = await readServerInfo(home);
    if (info) return info;
    throw new HarborError('internal', `\`harbor up\` serves, but left no server.json in ${home}`);
  };

  const keep = async (up: UpProcess): Promise<void> => {
    const how = await up.ended;
    if (stopping) return;
    if (starts === mostStarts) throw new HarborError('internal', `the server died ${starts} times, last by ${how}`);
    tell(`the server died (${how}); starting it again`);
    await start();
  };

  return {
    info: await start(),
    isOwn: true,
    lost: lost.signal,
    async [Symbol.asyncDispose]() {
      stopping = true;
      await current?.stop();
    },
  };
}

/** Once it serves, an abort is no more its end: what runs has to be cancelled first. */
async function readyUnlessAborted(up: UpProcess, signal: AbortSignal): Promise<void> {
  const aborted = signal.aborted ? Promise.resolve([]) : once(signal, 'abort');
  await Promise.race([up.ready, aborted]);
  if (!signal.aborted) return;
  await up.stop();
  signal.throwIfAborted();
}

/** The server on a data folder; one that is just starting is waited for. */
async function runningServer(home: string, { tell, signal }: DemoServerOptions): Promise<ServerInfo | undefined> {
  let told = false;
  for (;;) {
    const info = await readServerInfo(home);
    if (info && (await serves(info))) return info;
    const holder = await homeHolder(home);
    if (!holder) return undefined;
    if (!told) tell(`waiting for the server that is starting (process ${holder.pid})`);
    told = true;
    await sleep(pollMs, undefined, { signal });
  }
}

async function serves({ url }: ServerInfo): Promise<boolean> {
  try {
    return (await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(5000) })).ok;
  } catch {
    return false;
  }
}
