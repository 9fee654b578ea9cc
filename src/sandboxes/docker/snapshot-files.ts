import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { extract } from 'tar-stream';
import { limits } from '../../model/limits.ts';
import { getArchive } from './archives.ts';
import { withHelper } from './containers.ts';
import type { Engine } from './engine.ts';
import { snapshotImage } from './snapshot-name.ts';

/** Paths asked for at a time: each costs the engine two processes of its own. */
const concurrency = 4;

/** Regular files of an image by their paths; what is missing, of another kind or over `diffFileBytes` is left out. */
export async function readSnapshotFiles(
  engine: Engine,
  name: string,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Buffer>> {
  const files = new Map<string, Buffer>();
  if (paths.length === 0) return files;
  await withHelper(engine, { image: snapshotImage(name) }, async (container) => {
    const queue = paths.values();
    const work = async (): Promise<void> => {
      for (const path of queue) {
        const content = await readFile(engine, container, path, signal);
        if (content) files.set(path, content);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, work));
  });
  return files;
}

async function readFile(
  engine: Engine,
  container: string,
  path: string,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  const tar = await getArchive(engine, container, path, signal);
  if (!tar) return undefined;
  const members = extract();
  tar.once('error', (error) => members.destroy(error));
  try {
    for await (const member of tar.pipe(members)) {
      const { type, size } = member.header;
      return type === 'file' && size <= limits.diffFileBytes ? await buffer(Readable.from(member)) : undefined;
    }
    return undefined;
  } finally {
    // The rest, be it a whole directory, is not worth waiting for.
    tar.destroy();
  }
}
