import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  ensureApiKey,
  homePath,
  lockHome,
  openHome,
  readServerInfo,
  removeServerInfo,
  writeServerInfo,
} from '../../src/embedded/home.ts';
import { nextLine, startProgram } from './support/spawn.ts';
import { temporaryFolder } from './support/temporary.ts';

test('the data folder is for its owner alone, and so are its secrets', async () => {
  const home = await openHome(join(await temporaryFolder(), 'deep', 'home'));
  await ensureApiKey(home, undefined);
  const modes = await Promise.all([home.path, home.files.installation, home.files.apiKey].map((path) => stat(path)));
  expect(modes.map(({ mode }) => mode & 0o777)).toEqual([0o700, 0o600, 0o600]);
});

test('an installation stays who it is, also when two open a new folder at once', async () => {
  const path = await temporaryFolder();
  const homes = await Promise.all([openHome(path), openHome(path), openHome(path)]);
  const again = await openHome(path);
  expect(new Set(homes.map(({ installation }) => installation.id))).toEqual(new Set([again.installation.id]));
});

test('a folder that cannot be made is the error of whoever named it', async () => {
  const file = join(await temporaryFolder(), 'file');
  await writeFile(file, '');
  await expect(openHome(join(file, 'home'))).rejects.toMatchObject({ failureClass: 'invalid_request' });
});

test('an API key is made once and kept', async () => {
  const home = await openHome(await temporaryFolder());
  const key = await ensureApiKey(home, undefined);
  expect(await ensureApiKey(home, undefined)).toBe(key);
});

test('a given API key takes the place of the kept one', async () => {
  const home = await openHome(await temporaryFolder());
  await ensureApiKey(home, undefined);
  await ensureApiKey(home, 'given-key');
  expect(await readFile(home.files.apiKey, 'utf8')).toBe('given-key\n');
});

test('what the server wrote of itself is read back until it is removed', async () => {
  const home = await openHome(await temporaryFolder());
  const info = {
    pid: 1,
    url: 'http://127.0.0.1:8787',
    temporalUi: null,
    temporalAddress: '127.0.0.1:7233',
    apiKeyFile: home.files.apiKey,
    startedAt: '2026-11-22T00:00:00.000Z',
  };
  await writeServerInfo(home, info);
  expect(await readServerInfo(home.path)).toEqual(info);
  await removeServerInfo(home);
  expect(await readServerInfo(home.path)).toBeUndefined();
});

test('a second server on the same folder is refused with what to do', async () => {
  const home = await openHome(await temporaryFolder());
  const holder = startProgram(['lock', home.files.lock]);
  await nextLine(holder);
  await expect(lockHome(home.path)).rejects.toMatchObject({
    message: `the data folder ${home.path} is in use by process ${holder.pid}`,
    remedy: expect.stringContaining('HARBOR_HOME'),
  });
});

test('HARBOR_HOME names the folder', () => {
  expect(homePath({ HARBOR_HOME: '/data/harbor' })).toBe('/data/harbor');
});
