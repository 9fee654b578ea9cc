import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { HarborError } from '../model/errors.ts';

export interface UnpackedFile {
  /** Relative to the folder. */
  readonly path: string;
  readonly bytes: number;
}

/**
 * Writes the regular files of a tar.gz into a folder, under the relative path that `placeOf` gives each name; undefined
 * leaves it out. Other kinds of entries are left out too. Files are 0755 where the archive has them executable, else 0644.
 */
export async function unpackTarGz(
  archive: Readable,
  folder: string,
  placeOf: (name: string) => string | undefined,
  signal: AbortSignal,
): Promise<UnpackedFile[]> {
  const entries = extract();
  const files: UnpackedFile[] = [];
  const write = async (): Promise<void> => {
    for await (const entry of entries) {
      const { name, mode, size, type } = entry.header;
      const path = type === 'file' ? placeOf(name) : undefined;
      if (path === undefined) {
        entry.resume();
        continue;
      }
      const target = inside(folder, path);
      await mkdir(dirname(target), { recursive: true });
      await pipeline(entry, createWriteStream(target, { mode: mode & 0o111 ? 0o755 : 0o644 }));
      files.push({ path, bytes: size });
    }
  };
  await Promise.all([pipeline(archive, createGunzip(), entries, { signal }), write()]);
  return files;
}

function inside(folder: string, path: string): string {
  const normal = normalize(path);
  if (isAbsolute(normal) || normal === '..' || normal.startsWith('../')) {
    throw new HarborError('internal', `the archive has a member outside of its folder: ${path}`);
  }
  return join(folder, normal);
}
