/**
 * What `npm start`, `npm run demo` and `npm test` need before they can run: dependencies, Node 24 with them, the build,
 * and what `harbor setup` brings. Each step is skipped when it is done. Runs on any Node from 20 on, without dependencies.
 *
 *   node scripts/setup.mjs [--for-tests] [--quiet]
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildIsFresh, fileHash, node24, root } from './checkout.mjs';

const lockFile = join(root, 'package-lock.json');
const installStamp = join(root, 'node_modules', '.harbor-lock-hash');
const args = process.argv.slice(2);

if (Number(process.versions.node.split('.')[0]) < 20) {
  fail(`needs Node 20 or newer to begin with, and this is ${process.version}: see https://nodejs.org/en/download`);
}
if (args.includes('--prepare')) {
  prepare();
} else {
  // Two runs on one checkout take turns. The lock goes when its process does, and daemons that are started do not keep it.
  if (!isInstalled() || !buildIsFresh()) {
    run('flock', ['-o', lockFile, process.execPath, fileURLToPath(import.meta.url), '--prepare']);
  }
  run(join(root, 'bin', 'harbor'), ['setup', ...args]);
}

function prepare() {
  if (!isInstalled()) {
    say('installing dependencies');
    // Not `npm ci`: it refuses a lock file without the optional packages of platforms that the lock's registry lacked.
    // This takes the locked versions all the same, and leaves the lock file as it is.
    run('npm', ['install', '--no-save', '--include=dev', '--include=optional', '--loglevel=error'], {
      PATH: pathWithoutOwnBinaries(),
    });
    writeFileSync(installStamp, fileHash(lockFile));
  }
  if (!buildIsFresh()) {
    say('building');
    run(node24(), [join(root, 'scripts', 'build.mjs')]);
  }
}

function isInstalled() {
  return existsSync(installStamp) && readFileSync(installStamp, 'utf8') === fileHash(lockFile);
}

/** npm may replace node_modules while it runs: it must not run with the Node that lies there. */
function pathWithoutOwnBinaries() {
  const own = join(root, 'node_modules', '.bin');
  return (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== own)
    .join(delimiter);
}

/** Its output goes to stderr: stdout belongs to the command that follows. */
function run(command, commandArgs, env = {}) {
  const { status, signal, error } = spawnSync(command, commandArgs, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 2, 2],
  });
  if (error) fail(`cannot run ${command}: ${error.message}`);
  if (signal) process.kill(process.pid, signal);
  if (status !== 0) process.exit(status ?? 1);
}

function say(text) {
  if (!args.includes('--quiet')) process.stderr.write(`• ${text}\n`);
}

function fail(text) {
  process.stderr.write(`harbor: ${text}\n`);
  process.exit(1);
}
