import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HarborError } from '../model/errors.ts';
import { cachePath, openCache } from './cache.ts';
import { oneAtATime } from './one-at-a-time.ts';
import type { Progress } from './progress.ts';
import { findProgram, isProgram, runCommand } from './run-command.ts';
import { buildTemporalCli, downloadTemporalCli } from './temporal-sources.ts';

/** The release that Harbor is tested with. */
const release = '1.5.1';

/** The least server that a `temporal` on PATH may hold: that of CLI 1.5. A CLI built by Go may call itself 0.0.0-DEV. */
const leastServer = { major: 1, minor: 29 };

export interface TemporalCli {
  readonly path: string;
  /** As it says itself: `temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)`. */
  readonly version: string;
}

/** The `temporal` on PATH if it is recent enough, else the cached one. */
export async function findTemporalCli(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<TemporalCli | undefined> {
  const installed = findProgram('temporal', env);
  const cached = cachedBinary(cachePath(env));
  return (
    (installed === undefined ? undefined : await inspect(installed, env, signal)) ??
    // It was seen running before it came to lie there.
    (isProgram(cached) ? { path: cached, version: `temporal version ${release}` } : undefined)
  );
}

/**
 * A `temporal` that can run a dev server: on PATH, cached, downloaded from temporal.download, else built by Go, which
 * works where only a Go module proxy is reachable (3 to 4 minutes on 2 cores).
 */
export async function ensureTemporalCli(
  env: NodeJS.ProcessEnv,
  progress: Progress,
  signal: AbortSignal,
): Promise<TemporalCli> {
  return progress.step('Temporal', async (report) => {
    const cli = (await findTemporalCli(env, signal)) ?? (await makeTemporalCli(env, report, signal));
    report(`${cli.version}, ${cli.path}`);
    return cli;
  });
}

async function makeTemporalCli(
  env: NodeJS.ProcessEnv,
  report: (detail: string) => void,
  signal: AbortSignal,
): Promise<TemporalCli> {
  const cache = await openCache(env);
  const folder = join(cache, 'temporal.new');
  const turn = { what: 'the making of the Temporal binary', report, signal };
  return oneAtATime(join(cache, 'temporal.lock'), turn, async () => {
    const made = await findTemporalCli(env, signal);
    if (made) return made;
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder);
    try {
      const binary = await downloadOrBuild({ release, folder, env, report, signal });
      const cli = await inspect(binary, env, signal);
      if (!cli)
        throw new HarborError('internal', 'the Temporal binary that was just made does not run here', { remedy });
      await rename(binary, cachedBinary(cache));
      return { ...cli, path: cachedBinary(cache) };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

const remedy =
  'Install the Temporal CLI (https://docs.temporal.io/cli) so that `temporal` is on PATH, or install Go, ' +
  'or set TEMPORAL_ADDRESS to a server that runs already.';

async function downloadOrBuild(request: Parameters<typeof downloadTemporalCli>[0]): Promise<string> {
  try {
    return await downloadTemporalCli(request);
  } catch (downloadFailure) {
    request.signal.throwIfAborted();
    try {
      return await buildTemporalCli(request);
    } catch (buildFailure) {
      request.signal.throwIfAborted();
      throw new HarborError('internal', 'the Temporal binary can neither be downloaded nor built', {
        cause: new AggregateError([downloadFailure, buildFailure], 'both ways failed'),
        remedy,
      });
    }
  }
}

function cachedBinary(cache: string): string {
  return join(cache, `temporal-${release}`);
}

/** Undefined where it does not run or holds too old a server. */
async function inspect(path: string, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<TemporalCli | undefined> {
  let version: string;
  try {
    version = await runCommand(path, ['--version'], { env, signal });
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
  const server = /\(Server (\d+)\.(\d+)\./.exec(version);
  const major = Number(server?.[1]);
  const minor = Number(server?.[2]);
  const recent = major > leastServer.major || (major === leastServer.major && minor >= leastServer.minor);
  return recent ? { path, version: version.trim() } : undefined;
}
