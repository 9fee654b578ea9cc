/** What the set-up scripts know of this checkout. Runs on any Node from 20 on. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');
export const dist = join(root, 'dist');

/** Names the sources that a build was made of; written last. */
export const stampName = '.built-from';

export function buildIsFresh() {
  const stamp = join(dist, stampName);
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === sourcesHash();
}

/** Of everything that a build depends on. */
export function sourcesHash() {
  const hash = createHash('sha256');
  const files = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts/build.mjs', ...sourceFiles()];
  for (const file of files) hash.update(`${file}\0${fileHash(join(root, file))}\n`);
  return hash.digest('hex');
}

/** Every file below src, relative to the checkout. */
export function sourceFiles() {
  return readdirSync(join(root, 'src'), { recursive: true })
    .map((name) => join('src', name))
    .filter((file) => statSync(join(root, file)).isFile())
    .sort();
}

export function fileHash(path) {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** The Node that npm installed here; on a platform for which it has none, the one on PATH. */
export function node24() {
  const own = join(root, 'node_modules', '.bin', 'node');
  return existsSync(own) ? own : 'node';
}
