import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findTemporalCli } from '../../src/embedded/temporal-cli.ts';
import { temporaryFolder } from './support/temporary.ts';

const { signal } = new AbortController();

/** A program that says a version as `temporal --version` does. */
async function saying(path: string, version: string): Promise<void> {
  await writeFile(path, `#!/bin/sh\necho '${version}'\n`);
  await chmod(path, 0o755);
}

/** A machine with that `temporal` on PATH and that in the cache; each only where a version is given. */
async function machine(versions: { installed?: string; cached?: string }): Promise<NodeJS.ProcessEnv> {
  const folder = await temporaryFolder();
  const [bin, cache] = [join(folder, 'bin'), join(folder, 'cache')];
  await Promise.all([mkdir(bin), mkdir(cache)]);
  if (versions.installed !== undefined) await saying(join(bin, 'temporal'), versions.installed);
  if (versions.cached !== undefined) await saying(join(cache, 'temporal-1.5.1'), versions.cached);
  return { PATH: bin, HARBOR_CACHE: cache };
}

test('a recent `temporal` on PATH is used before the cached one', async () => {
  const env = await machine({
    installed: 'temporal version 1.6.0 (Server 1.30.0, UI 2.43.0)',
    cached: 'temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)',
  });
  expect(await findTemporalCli(env, signal)).toMatchObject({ path: join(env['PATH'] ?? '', 'temporal') });
});

test('one that Go built is judged by the server in it, since it does not know its own version', async () => {
  const env = await machine({ installed: 'temporal version 0.0.0-DEV (Server 1.29.1, UI 2.42.1)' });
  expect(await findTemporalCli(env, signal)).toMatchObject({ path: join(env['PATH'] ?? '', 'temporal') });
});

test('one that is too old is passed over', async () => {
  const env = await machine({
    installed: 'temporal version 1.4.1 (Server 1.28.0, UI 2.39.0)',
    cached: 'temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)',
  });
  expect(await findTemporalCli(env, signal)).toMatchObject({ path: join(env['HARBOR_CACHE'] ?? '', 'temporal-1.5.1') });
});

test('another program of that name is passed over', async () => {
  expect(await findTemporalCli(await machine({ installed: 'something else' }), signal)).toBeUndefined();
});

test('with neither there is none', async () => {
  expect(await findTemporalCli(await machine({}), signal)).toBeUndefined();
});
