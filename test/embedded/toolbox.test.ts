import { createHash } from 'node:crypto';
import { readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ToolboxPackage, ToolboxSource } from '../../src/agents/agent.ts';
import { createEnsureToolbox, findToolbox } from '../../src/agents/toolbox.ts';
import { silent } from '../../src/embedded/progress.ts';
import type { Toolbox } from '../../src/sandboxes/provider.ts';
import { temporaryFolder } from './support/temporary.ts';

const { signal } = new AbortController();

/** A small real package with a program in it. */
const mkdirp: ToolboxPackage = {
  spec: 'mkdirp@1.0.4',
  integrity: 'sha512-vVqVZQyf3WLx2Shd0qJ9xuvqgAyKPLAiqITEtqW0oIUjzo3PePDd6fW9iFz30ef7Ysp/oiWqbhszeGWW2T6Gzw==',
  root: 'package',
  skip: ['lib'],
  executable: 'bin/cmd.js',
};

function source(changes: Partial<ToolboxPackage> = {}): ToolboxSource {
  return { name: 'tool', version: '1.0.4', packages: [{ ...mkdirp, ...changes }] };
}

function ensure(cache: string, wanted = source(), env = process.env): Promise<Toolbox> {
  return createEnsureToolbox({ cache, env, progress: silent })(wanted, signal);
}

test('the wanted part of a package is fetched, its programs executable', async () => {
  const { directory } = await ensure(await temporaryFolder());
  expect((await readdir(directory)).sort()).toEqual([
    'CHANGELOG.md',
    'LICENSE',
    'bin',
    'index.js',
    'package.json',
    'readme.markdown',
  ]);
  expect((await stat(join(directory, 'bin', 'cmd.js'))).mode & 0o777).toBe(0o755);
});

test('what is cached is not fetched again', async () => {
  const cache = await temporaryFolder();
  const first = await ensure(cache);
  expect(await ensure(cache, source(), { PATH: '' })).toEqual(first);
});

test('several that want it at once fetch it once, and leave nothing but it', async () => {
  const cache = await temporaryFolder();
  const [one, two] = await Promise.all([ensure(cache), ensure(cache)]);
  expect(one).toEqual(two);
  const left = (await readdir(join(cache, 'toolboxes'))).filter((name) => !/\.lock\.\d+$/.test(name));
  expect(left.sort()).toEqual([`tool-${one.hash}`, `tool-${one.hash}.json`]);
});

test('a toolbox that lost its program is made again', async () => {
  const cache = await temporaryFolder();
  const { directory } = await ensure(cache);
  await rm(join(directory, 'bin', 'cmd.js'));
  await ensure(cache);
  expect((await stat(join(directory, 'bin', 'cmd.js'))).size).toBeGreaterThan(0);
});

test('a file that was cut short is damage', async () => {
  const cache = await temporaryFolder();
  const { directory } = await ensure(cache);
  await truncate(join(directory, 'index.js'), 1);
  expect(await findToolbox(cache, source())).toBeUndefined();
});

test('a toolbox whose making was cut off is not taken for one', async () => {
  const cache = await temporaryFolder();
  const { directory } = await ensure(cache);
  await rm(`${directory}.json`);
  await writeFile(join(directory, 'leftover'), '');
  await ensure(cache);
  expect(await readdir(directory)).not.toContain('leftover');
});

test('a package that is not the pinned one is refused, and nothing of it kept', async () => {
  const cache = await temporaryFolder();
  const integrity = `sha512-${createHash('sha512').update('another').digest('base64')}`;
  await expect(ensure(cache, source({ integrity }))).rejects.toThrow('mkdirp@1.0.4 is not what was pinned');
  expect((await readdir(join(cache, 'toolboxes'))).filter((name) => !/\.lock\.\d+$/.test(name))).toEqual([]);
});

test('a package without its program is refused', async () => {
  const wanted = source({ executable: 'bin/other' });
  await expect(ensure(await temporaryFolder(), wanted)).rejects.toThrow('holds no program package/bin/other');
});

test('other content has another hash, and another folder', async () => {
  const cache = await temporaryFolder();
  const [whole, part] = [await ensure(cache, source({ skip: [] })), await ensure(cache)];
  expect(whole.hash).not.toBe(part.hash);
  expect(whole.directory).not.toBe(part.directory);
});

test('a registry that does not have it is an error that names it', async () => {
  const wanted = source({ spec: 'mkdirp@1.0.999' });
  await expect(ensure(await temporaryFolder(), wanted)).rejects.toThrow('mkdirp@1.0.999 cannot be fetched from npm');
});
