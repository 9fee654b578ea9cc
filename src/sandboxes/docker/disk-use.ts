import { access, constants, statfs } from 'node:fs/promises';
import { z } from 'zod';
import { HarborError } from '../../model/errors.ts';
import { diskLabel } from './box-settings.ts';
import { attempt, type Engine } from './engine.ts';
import { execute } from './execute.ts';

/** Where a sandbox writes. */
export interface DiskPlace {
  readonly limitBytes: number;
  /** Its writable layer and its volumes; empty where the engine is elsewhere or they are not ours to read. */
  readonly folders: readonly string[];
}

/** Of overlay2. */
const layerSchema = z.object({ Data: z.object({ UpperDir: z.string().optional() }).nullish() });

export async function findPlace(engine: Engine, sandbox: string): Promise<DiskPlace> {
  const box = await attempt('find where the sandbox writes', sandbox, () =>
    engine.docker.getContainer(sandbox).inspect(),
  );
  const limitBytes = Number(box.Config.Labels[diskLabel] ?? Infinity) * 2 ** 20;
  const layer = layerSchema.parse(box.GraphDriver).Data?.UpperDir;
  if (layer === undefined) return { limitBytes, folders: [] };
  const volumes = box.Mounts.filter(({ Type: type, RW: writable }) => type === 'volume' && writable);
  const folders = [layer, ...volumes.map(({ Source: source }) => source)];
  const readable = await Promise.all(folders.map((folder) => isReadable(folder)));
  return { limitBytes, folders: readable.every(Boolean) ? folders : [] };
}

const isReadable = (folder: string): Promise<boolean> =>
  access(folder, constants.R_OK | constants.X_OK).then(
    () => true,
    () => false,
  );

/** Bytes left on the disk that a sandbox writes to; null where that is another machine's. */
export async function freeBytes({ folders: [layer] }: DiskPlace): Promise<number | null> {
  if (layer === undefined) return null;
  const { bavail, bsize } = await statfs(layer);
  return bavail * bsize;
}

/** Bytes that a sandbox has written: by `du` where its folders can be read, else by the engine, which walks them too. */
export async function usedBytes(engine: Engine, sandbox: string, { folders }: DiskPlace): Promise<number> {
  if (folders.length === 0) return engineSize(engine, sandbox);
  // Files that vanish meanwhile make it fail, and the sums are right all the same.
  const { output, errors } = await execute('du', ['-skx', ...folders]);
  const kibibytes = output.split('\n').flatMap((line) => /^(\d+)\s/.exec(line)?.[1] ?? []);
  if (kibibytes.length === folders.length) return kibibytes.reduce((sum, size) => sum + Number(size), 0) * 1024;
  throw new HarborError('internal', `du could not measure the sandbox ${sandbox}: ${errors.trim()}`);
}

const sizeSchema = z.object({ SizeRw: z.number().nullish() });

async function engineSize(engine: Engine, sandbox: string): Promise<number> {
  const query: { size: boolean; abortSignal?: AbortSignal } = { size: true };
  const box: unknown = await attempt('measure the sandbox', sandbox, () =>
    engine.docker.getContainer(sandbox).inspect(query),
  );
  return sizeSchema.parse(box).SizeRw ?? 0;
}
