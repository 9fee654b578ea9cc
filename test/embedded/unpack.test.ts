import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createGzip } from 'node:zlib';
import { type Header, pack } from 'tar-stream';
import { expect, test } from 'vitest';
import { type UnpackedFile, unpackTarGz } from '../../src/embedded/unpack.ts';
import { temporaryFolder } from './support/temporary.ts';

const { signal } = new AbortController();

type Member = Pick<Header, 'name'> & Partial<Header>;

function unpack(
  folder: string,
  members: readonly Member[],
  placeOf = (name: string): string | undefined => name,
): Promise<UnpackedFile[]> {
  const archive = pack();
  for (const member of members) archive.entry(member, member.type === 'symlink' ? '' : `content of ${member.name}`);
  archive.finalize();
  return unpackTarGz(archive.pipe(createGzip()), folder, placeOf, signal);
}

test('files come where they are put, with their content and their right to run', async () => {
  const folder = await temporaryFolder();
  const files = await unpack(folder, [
    { name: 'a/b/run', mode: 0o755 },
    { name: 'data', mode: 0o640 },
  ]);
  expect(files.map(({ path }) => path)).toEqual(['a/b/run', 'data']);
  expect(await readFile(join(folder, 'a/b/run'), 'utf8')).toBe('content of a/b/run');
  const modes = await Promise.all(['a/b/run', 'data'].map((path) => stat(join(folder, path))));
  expect(modes.map(({ mode }) => mode & 0o777)).toEqual([0o755, 0o644]);
});

test('what is not wanted is left out', async () => {
  const folder = await temporaryFolder();
  await unpack(folder, [{ name: 'no' }, { name: 'yes' }], (name) => (name === 'yes' ? 'renamed' : undefined));
  expect(await readdir(folder)).toEqual(['renamed']);
});

test('links are left out', async () => {
  const folder = await temporaryFolder();
  await unpack(folder, [{ name: 'link', type: 'symlink', linkname: '/etc/passwd' }]);
  expect(await readdir(folder)).toEqual([]);
});

test.for(['../out', '/out', 'a/../../out'])('a member named %s is refused', async (name) => {
  await expect(unpack(await temporaryFolder(), [{ name }])).rejects.toThrow('outside of its folder');
});

test('an archive that is cut short is an error', async () => {
  const cut = createGzip();
  cut.end('no tar at all'.repeat(100));
  await expect(unpackTarGz(cut, await temporaryFolder(), (name) => name, signal)).rejects.toThrow(/tar/i);
});
