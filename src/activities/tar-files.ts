import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, type Header, pack } from 'tar-stream';
import type { SandboxFile } from '../sandboxes/provider.ts';

export interface TarFilesLimits {
  /** Files that are larger are left out. */
  readonly fileBytes: number;
  /** Files taken in all; the rest is left out. */
  readonly files: number;
}

/** The regular files of a small tar, by their path below its first folder. Links and larger files are left out. */
export async function readTarFiles(tar: Readable, limits: TarFilesLimits): Promise<ReadonlyMap<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const reader = tar.pipe(extract());
  tar.on('error', (error) => reader.destroy(error));
  for await (const entry of reader) {
    const name = belowFirst(entry.header.name);
    if (name === '' || !wanted(entry.header, limits) || files.size >= limits.files) {
      entry.resume();
      continue;
    }
    const pieces: Buffer[] = [];
    for await (const piece of Readable.from(entry)) pieces.push(Buffer.from(piece));
    files.set(name, Buffer.concat(pieces));
  }
  return files;
}

function wanted(header: Header, { fileBytes }: TarFilesLimits): boolean {
  return header.type === 'file' && (header.size ?? 0) <= fileBytes;
}

/** When the first member of a tar was changed last; undefined where it is empty. */
export async function firstChange(tar: Readable): Promise<Date | undefined> {
  const reader = tar.pipe(extract());
  tar.once('error', (error) => reader.destroy(error));
  try {
    for await (const { header } of reader) return header.mtime;
    return undefined;
  } finally {
    tar.destroy();
  }
}

/** Files as a tar, by their absolute paths. */
export function tarOfFiles(files: readonly SandboxFile[]): Readable {
  const tar = pack();
  for (const { path, content, mode, uid = 0 } of files) {
    const isFolder = path.endsWith('/');
    const name = path.replace(/^\/+/, '');
    if (isFolder) tar.entry({ name, type: 'directory', mode: mode ?? 0o755, uid });
    else tar.entry({ name, mode: mode ?? 0o644, uid }, content);
  }
  tar.finalize();
  return Readable.from(tar);
}

/** A member's path without its first folder. */
export function belowFirst(name: string): string {
  return name
    .replace(/^\.?\/+/, '')
    .split('/')
    .slice(1)
    .join('/');
}

/** The same tar with other names. */
export function renamedTar(tar: Readable, rename: (name: string) => string): Readable {
  const renamed = pack();
  const copy = async (): Promise<void> => {
    for await (const entry of tar.pipe(extract())) {
      const { linkname, ...header } = entry.header;
      // The name in a hard link is a member's name; that in a symbolic link is a path of its own.
      const link = linkname && entry.header.type === 'link' ? rename(linkname) : linkname;
      const target = renamed.entry({ ...header, name: rename(header.name), ...(link ? { linkname: link } : {}) });
      await pipeline(entry, target);
    }
    renamed.finalize();
  };
  tar.on('error', (error) => renamed.destroy(error));
  copy().catch((error: unknown) => renamed.destroy(error instanceof Error ? error : new Error(String(error))));
  return Readable.from(renamed);
}
