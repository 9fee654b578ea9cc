import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from './files.ts';

export interface FolderSize {
  readonly files: number;
  readonly bytes: number;
}

/** What lies at a path, a folder with all that is below it. What vanishes meanwhile is not counted; nothing there is 0. */
export async function sizeOf(path: string): Promise<FolderSize> {
  try {
    const found = await lstat(path);
    if (!found.isDirectory()) return { files: 1, bytes: found.size };
    const sum = { files: 0, bytes: 0 };
    for await (const { name } of await opendir(path)) {
      const { files, bytes } = await sizeOf(join(path, name));
      sum.files += files;
      sum.bytes += bytes;
    }
    return sum;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return { files: 0, bytes: 0 };
    throw error;
  }
}
