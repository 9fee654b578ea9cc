import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readConfig } from '../config.ts';
import { cachePath } from '../embedded/cache.ts';
import { type Check, ok, optional, problem } from '../embedded/check.ts';
import { findEngine } from '../embedded/engine.ts';
import { askEngine, type EngineAddress } from '../embedded/engine-api.ts';
import { sizeOf } from '../embedded/folder-size.ts';
import { homeFiles, homePath, readInstallation } from '../embedded/home.ts';
import { readIfThere } from '../embedded/files.ts';
import { errorText } from '../model/errors.ts';
import type { DiskSettings } from '../model/garbage.ts';
import { counted, size } from './format.ts';

/** Milliseconds for the engine to measure everything that it has. */
const measureMs = 60_000;

/** Below this much free space on the engine's disk a build soon fails. */
const leastFreeBytes = 5e9;

/** What Harbor takes of the disk, by kind, against what it may; nothing where there is no data folder yet. */
export async function diskChecks(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Check[]> {
  const home = homePath(env);
  if ((await readIfThere(homeFiles(home).installation)) === undefined) return [];
  let disk: DiskSettings;
  try {
    ({ disk } = readConfig(env));
  } catch (error) {
    return [problem('Settings', errorText(error), 'Correct it: no part of Harbor starts with it.')];
  }
  return [...(await folderChecks(home, env)), ...(await engineChecks(home, disk, env, signal))];
}

async function folderChecks(home: string, env: NodeJS.ProcessEnv): Promise<Check[]> {
  const { temporalDatabase, logs, interceptor } = homeFiles(home);
  const kinds: readonly (readonly [string, string, readonly string[]])[] = [
    ['blobs', 'contexts, bodies of calls, logs, artifacts', [join(home, 'blobs')]],
    ['store', 'the embedded database', [join(home, 'store')]],
    ['Temporal', 'its histories', ['', '-wal', '-shm'].map((end) => `${temporalDatabase}${end}`)],
    ['journals', 'calls that are not in the store yet', [interceptor]],
    ['logs', "of Harbor's own processes", [logs]],
    ['agents', 'binaries in the cache', [join(cachePath(env), 'toolboxes')]],
  ];
  return Promise.all(
    kinds.map(async ([kind, what, paths]) => {
      const sizes = await Promise.all(paths.map(sizeOf));
      const files = sizes.reduce((sum, one) => sum + one.files, 0);
      const bytes = sizes.reduce((sum, one) => sum + one.bytes, 0);
      return ok(`Disk: ${kind}`, `${size(bytes)} in ${counted(files, 'file')}: ${what}`);
    }),
  );
}

const usageSchema = z.object({
  Images: z
    .array(
      z.object({
        Labels: z.record(z.string(), z.string()).nullish(),
        Size: z.number(),
        SharedSize: z.number().optional(),
      }),
    )
    .nullish(),
  Volumes: z.array(z.object({ Name: z.string(), UsageData: z.object({ Size: z.number() }).nullish() })).nullish(),
  BuildCache: z.array(z.object({ Size: z.number() })).nullish(),
});
const rootSchema = z.object({ DockerRootDir: z.string().optional() });

async function engineChecks(
  home: string,
  disk: DiskSettings,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Check[]> {
  const { engine } = await findEngine(env, signal);
  // That it is missing is told already.
  if (!engine) return [];
  const within = AbortSignal.any([signal, AbortSignal.timeout(measureMs)]);
  try {
    const { id } = await readInstallation(homeFiles(home).installation);
    const usage = await askEngine(engine.address, '/system/df', usageSchema, within);
    const images = (usage.Images ?? []).filter(({ Labels: labels }) => labels?.['harbor.installation'] === id);
    const own = sum(images.map(({ Size: all, SharedSize: shared = 0 }) => all - Math.max(0, shared)));
    const toolboxes = (usage.Volumes ?? []).filter(({ Name: name }) => name.startsWith('harbor-toolbox-'));
    const taken = sum(toolboxes.map(({ UsageData: used }) => Math.max(0, used?.Size ?? 0)));
    const cache = sum((usage.BuildCache ?? []).map(({ Size: bytes }) => bytes));
    return [
      bounded('snapshots', `${counted(images.length, 'image')} with`, own, disk.snapshotBytes, 'HARBOR_SNAPSHOTS_GB'),
      ok(
        'Disk: toolboxes',
        `${size(taken)} in ${counted(toolboxes.length, 'volume')}, of all installations on the engine`,
      ),
      bounded(
        'build cache',
        "the engine's, with other programs'",
        cache,
        disk.buildCacheBytes,
        'HARBOR_BUILD_CACHE_GB',
      ),
      ...(await engineSpace(engine.address, within)),
    ];
  } catch (error) {
    signal.throwIfAborted();
    const remedy = 'Look at `docker system df`.';
    return [optional(problem('Disk: engine', `the engine does not tell: ${errorText(error)}`, remedy))];
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

function bounded(kind: string, what: string, bytes: number, quota: number | undefined, variable: string): Check {
  const name = `Disk: ${kind}`;
  if (quota === undefined) return ok(name, `${what} ${size(bytes)}, not bounded: ${variable} is not set`);
  const detail = `${what} ${size(bytes)} of ${size(quota)} (${variable})`;
  return bytes <= quota
    ? ok(name, detail)
    : optional(problem(name, detail, 'The server trims it every hour, and `harbor gc` now; what is in use stays.'));
}

/** Empty where the engine's disk is another machine's. */
async function engineSpace(address: EngineAddress, signal: AbortSignal): Promise<Check[]> {
  const { DockerRootDir: root } = await askEngine(address, '/info', rootSchema, signal);
  const found = root === undefined ? undefined : await statfs(root).catch(() => undefined);
  if (!found) return [];
  const free = found.bavail * found.bsize;
  const name = 'Disk of the engine';
  const detail = `${size(free)} free`;
  return [
    free >= leastFreeBytes
      ? ok(name, detail)
      : optional(problem(name, detail, 'Make room, or set quotas: docs/operations.md, "Disk".')),
  ];
}
