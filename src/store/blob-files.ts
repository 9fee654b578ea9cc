import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createFile, hasCode, readIfThere } from '../embedded/files.ts';
import { HarborError } from '../model/errors.ts';

/** How a blob is kept: whole, or as the difference to a base that has `bases` bases below it, itself included. */
export interface BlobHead {
  readonly base: string | undefined;
  readonly bases: number;
}

/**
 * A blob file is a head and a zstd frame. The head of a whole blob is one byte, 0. That of one kept as the difference to
 * another is 1 + n for n bases below it, then the base's sha256: the frame is compressed with the base as dictionary.
 */
export const wholeHead = 1;
export const differenceHead = 33;

export const headOf = (file: Buffer): BlobHead => ({
  base: file[0] === 0 ? undefined : file.subarray(1, differenceHead).toString('hex'),
  bases: file[0] ?? 0,
});

/**
 * Blob files below a folder, which any number of processes share: `<first two digits>/<sha256>`, each put there by rename,
 * `tmp/` for what is being written, and `gone/` for what a sweep is about to remove. A file's time says when it was put
 * last, which {@link BlobFiles.touch} makes now: a sweep that has moved a file away looks at it, and puts it back if
 * somebody came in between.
 */
export class BlobFiles {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  place(ref: string): string {
    return join(this.folder, ref.slice(0, 2), ref);
  }

  /** A path for a file that is being written. */
  async temporary(): Promise<string> {
    const folder = this.temporaries;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return join(folder, randomUUID());
  }

  get temporaries(): string {
    return join(this.folder, 'tmp');
  }

  async write(ref: string, head: Buffer, frame: Buffer): Promise<void> {
    const temporary = await this.temporary();
    await writeFile(temporary, [head, frame]);
    await this.moveIn(temporary, ref);
  }

  async moveIn(temporary: string, ref: string): Promise<void> {
    await mkdir(dirname(this.place(ref)), { recursive: true, mode: 0o700 });
    await rename(temporary, this.place(ref));
  }

  /** Throws `internal` where there is no such blob. */
  async read(ref: string): Promise<Buffer> {
    return this.anywhere(ref, (path) => readFile(path));
  }

  /** Undefined where there is no such blob. */
  async head(ref: string): Promise<BlobHead | undefined> {
    const read = async (path: string): Promise<BlobHead> => {
      const file = await open(path);
      try {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(differenceHead), 0, differenceHead, 0);
        return headOf(buffer.subarray(0, bytesRead));
      } finally {
        await file.close();
      }
    };
    return this.anywhere(ref, read).catch((error: unknown) => {
      if (HarborError.isInstance(error)) return undefined;
      throw error;
    });
  }

  /**
   * Says that a blob is about to be used, with all that it is made of: no sweep that goes on now removes it. Its head;
   * undefined where it is not there, or not whole.
   */
  async touch(ref: string): Promise<BlobHead | undefined> {
    const now = new Date();
    let first: BlobHead | undefined;
    for (let next: string | undefined = ref; next !== undefined;) {
      try {
        // By its path: one that a sweep has moved away is not there.
        await utimes(this.place(next), now, now);
      } catch (error) {
        if (hasCode(error, 'ENOENT')) return undefined;
        throw error;
      }
      const head: BlobHead | undefined = await this.head(next);
      if (!head) return undefined;
      first ??= head;
      next = head.base;
    }
    return first;
  }

  /** Whose blobs these are: who asked first. */
  async owner(candidate: string): Promise<string> {
    const path = join(this.folder, 'owner');
    const known = await readIfThere(path);
    if (known !== undefined) return known.trim();
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    await createFile(path, `${candidate}\n`);
    return (await readFile(path, 'utf8')).trim();
  }

  /** First two digits of the refs that there are. */
  async prefixes(): Promise<readonly string[]> {
    return (await listFolder(this.folder)).filter((name) => /^[0-9a-f]{2}$/.test(name)).toSorted();
  }

  async refs(prefix: string): Promise<readonly string[]> {
    return listFolder(join(this.folder, prefix));
  }

  /** What a sweep that died has moved away. */
  async gone(): Promise<readonly string[]> {
    return listFolder(join(this.folder, 'gone'));
  }

  /** False where it was put, or touched, since; then it stays. Any number of sweeps may try at a time. */
  async remove(ref: string, untouchedSince: Date): Promise<boolean> {
    const away = this.goneFor(ref);
    await mkdir(dirname(away), { recursive: true, mode: 0o700 });
    try {
      await rename(this.place(ref), away);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return false;
      throw error;
    }
    return this.decide(ref, untouchedSince);
  }

  /** Puts back what was moved away and is wanted after all, or removes it; true where it removed it. */
  async decide(ref: string, untouchedSince: Date): Promise<boolean> {
    const away = this.goneFor(ref);
    const found = await statIfThere(away);
    if (!found) return false;
    const isWanted = found.mtime >= untouchedSince;
    if (isWanted) {
      try {
        // Not by rename, which would replace what was put there since.
        await link(away, this.place(ref));
      } catch (error) {
        if (!hasCode(error, 'EEXIST') && !hasCode(error, 'ENOENT')) throw error;
      }
    }
    await rm(away, { force: true });
    return !isWanted;
  }

  private goneFor(ref: string): string {
    return join(this.folder, 'gone', ref);
  }

  /** A sweep may have moved it away for a moment. */
  private async anywhere<T>(ref: string, read: (path: string) => Promise<T>): Promise<T> {
    for (const path of [this.place(ref), this.goneFor(ref)]) {
      try {
        return await read(path);
      } catch (error) {
        if (!hasCode(error, 'ENOENT')) throw error;
      }
    }
    try {
      return await read(this.place(ref));
    } catch (error) {
      throw new HarborError('internal', `blob ${ref} is not in the store`, { cause: error });
    }
  }
}

export async function statIfThere(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function listFolder(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}
