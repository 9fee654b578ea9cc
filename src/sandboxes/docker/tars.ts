import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { pack, type Pack } from 'tar-stream';
import type { SandboxFile } from '../provider.ts';

/** Files as a tar, each by its path less the leading slash. */
export async function filesTar(files: readonly SandboxFile[]): Promise<Buffer> {
  const tar = pack();
  for (const { path, content, mode, uid = 0 } of files) {
    const owner = { name: memberName(path), uid, gid: uid };
    if (path.endsWith('/')) tar.entry({ ...owner, type: 'directory', mode: mode ?? 0o755 });
    else tar.entry({ ...owner, type: 'file', mode: mode ?? 0o644 }, content);
  }
  tar.finalize();
  return buffer(Readable.from(tar));
}

/** A folder of this machine as a tar, everything root's; what is neither file, directory nor symbolic link is left out. */
export function folderTar(folder: string): Readable {
  const tar = pack();
  addFolder(tar, folder, '').then(
    () => tar.finalize(),
    (error: unknown) => tar.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  return Readable.from(tar);
}

async function addFolder(tar: Pack, folder: string, prefix: string): Promise<void> {
  for (const name of (await readdir(folder)).toSorted()) {
    const path = join(folder, name);
    const stats = await lstat(path);
    const header = { name: prefix + name, mode: stats.mode & 0o7777, uid: 0, gid: 0 };
    if (stats.isSymbolicLink()) {
      tar.entry({ ...header, type: 'symlink', linkname: await readlink(path) });
    } else if (stats.isFile()) {
      await pipeline(createReadStream(path), tar.entry({ ...header, type: 'file', size: stats.size }));
    } else if (stats.isDirectory()) {
      tar.entry({ ...header, type: 'directory' });
      await addFolder(tar, path, `${header.name}/`);
    }
  }
}

const memberName = (path: string): string => path.replace(/^\/+/, '').replace(/\/+$/, '');
