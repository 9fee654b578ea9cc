import type { Stats } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';

/** One member of a build context. */
export interface ContextMember {
  /** From the context's root, with `/`. */
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink';
  readonly stats: Stats;
  /** Of a link, as it is written. */
  readonly target?: string;
}

/** Names that are left out at any depth: secrets, histories, and what tools make anew by themselves. */
const names = new Set([
  '.git',
  '.env',
  '.venv',
  'venv',
  'node_modules',
  '__pycache__',
  '.pytest_cache',
  '.mypy_cache',
  '.ruff_cache',
]);
const patterns = [/^\.env\./, /\.pyc$/, /\.egg-info$/];

/**
 * Everything below a folder, in order of the paths, folders before what they hold. Left out, and told to `onLeftOut` by
 * path: what `names` and `patterns` say. Sockets, pipes and devices hold nothing that an image could use.
 */
export async function* contextMembers(
  folder: string,
  onLeftOut: (path: string) => void,
  below = '',
): AsyncGenerator<ContextMember> {
  for (const name of (await readdir(join(folder, below))).toSorted()) {
    const path = below === '' ? name : `${below}/${name}`;
    if (names.has(name) || patterns.some((pattern) => pattern.test(name))) {
      onLeftOut(path);
      continue;
    }
    const stats = await lstat(join(folder, path));
    if (stats.isSymbolicLink()) {
      yield { path, type: 'symlink', stats, target: await readlink(join(folder, path)) };
    } else if (stats.isDirectory()) {
      yield { path, type: 'directory', stats };
      yield* contextMembers(folder, onLeftOut, path);
    } else if (stats.isFile()) {
      yield { path, type: 'file', stats };
    }
  }
}
