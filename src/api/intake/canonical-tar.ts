import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Pack, pack } from 'tar-stream';
import { errorText } from '../../model/errors.ts';
import { diskError } from './refusal.ts';
import { feed } from './tar-streams.ts';
import type { Member, Tree } from './tree.ts';
import type { UnpackedArchive } from './unpacked-archive.ts';

/**
 * Names a tree by what matters in it: sha256 (hex) over path, type, mode, link target and content of each member, in
 * order of their paths. Times and owners do not count.
 */
export function treeHash(tree: Tree): string {
  const hash = createHash('sha256').update('tree-v1\n');
  for (const [path, member] of sorted(tree)) {
    const mode = member.type === 'link' ? null : member.mode;
    const content = member.type === 'file' ? member.sha256 : member.type === 'link' ? member.target : null;
    hash.update(`${JSON.stringify([path, member.type, mode, content])}\n`);
  }
  return hash.digest('hex');
}

/** Writes a tree as a plain tar: in order of the paths, everything root's, times as they were. */
export async function writeTar(tree: Tree, archive: UnpackedArchive, path: string, signal: AbortSignal): Promise<void> {
  const tar = pack();
  const filling = fill(tar, tree, archive).catch((error: unknown) => {
    tar.destroy(error instanceof Error ? error : new Error(errorText(error)));
    throw error;
  });
  const writing = pipeline(Readable.from(tar), createWriteStream(path, { flags: 'wx', mode: 0o600 }), { signal });
  const [filled, written] = await Promise.allSettled([filling, writing.finally(() => tar.destroy())]);
  signal.throwIfAborted();
  for (const end of [filled, written]) {
    if (end.status === 'rejected') throw diskError(`writing ${path}`, end.reason);
  }
}

const sorted = (tree: Tree): readonly (readonly [string, Member])[] =>
  [...tree].toSorted(([a], [b]) => (a < b ? -1 : 1));

/** The last millisecond that tar-stream can write: it counts seconds in 31 bits. */
const lastTime = (2 ** 31 - 1) * 1000;

async function fill(tar: Pack, tree: Tree, archive: UnpackedArchive): Promise<void> {
  for (const [name, member] of sorted(tree)) {
    const mtime = new Date(Math.min(Math.max(0, member.mtime.getTime()), lastTime));
    const header = { name, uid: 0, gid: 0, mtime };
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const done = (error?: Error | null) => (error ? reject(error) : resolve());
    if (member.type === 'directory') {
      tar.entry({ ...header, type: 'directory', mode: member.mode }, done);
    } else if (member.type === 'link') {
      tar.entry({ ...header, type: 'symlink', mode: 0o777, linkname: member.target }, done);
    } else {
      const sink = tar.entry({ ...header, type: 'file', mode: member.mode, size: member.size }, done);
      await Promise.all([feed(sink, archive.read(member)), promise]);
    }
    await promise;
  }
  tar.finalize();
}
