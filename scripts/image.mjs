/**
 * Puts together what Harbor's image holds, in image/: the build, and the dependencies that it runs with. Asks no registry:
 * all is taken from this checkout, which has been set up before.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './checkout.mjs';

const image = join(root, 'image');
const modules = join(image, 'node_modules');
const processor = process.arch === 'arm64' ? 'aarch64' : 'x86_64';

if (!existsSync(join(root, 'dist', 'main.js'))) fail('is not built: run `npm run setup` first');
rmSync(image, { recursive: true, force: true });
mkdirSync(image);
for (const name of ['bin', 'dist', 'examples', 'package.json', 'package-lock.json', '.npmrc', 'node_modules']) {
  cpSync(join(root, name), join(image, name), { recursive: true, verbatimSymlinks: true });
}
// Caches of the tools that were run here; and npm's list, which it trusts where it is there, of what the checkout has.
for (const name of readdirSync(modules)) {
  if (name.startsWith('.') && name !== '.bin') rmSync(join(modules, name), { recursive: true });
}
const { status, error } = spawnSync(
  'npm',
  ['prune', '--omit=dev', '--offline', '--ignore-scripts', '--loglevel=error'],
  {
    cwd: image,
    stdio: ['ignore', 2, 2],
  },
);
if (error || status !== 0)
  fail(`npm cannot take the development's dependencies away${error ? `: ${error.message}` : ''}`);
for (const name of ['package-lock.json', '.npmrc']) rmSync(join(image, name));
for (const name of ['include', 'share'])
  rmSync(join(modules, `node-linux-${process.arch}`, name), { recursive: true, force: true });
const releases = join(modules, '@temporalio', 'core-bridge', 'releases');
for (const name of readdirSync(releases)) {
  if (name !== `${processor}-unknown-linux-gnu`) rmSync(join(releases, name), { recursive: true });
}

function fail(text) {
  process.stderr.write(`harbor: ${text}\n`);
  process.exit(1);
}
