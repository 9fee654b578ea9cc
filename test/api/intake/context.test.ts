import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { takeContext } from '../../../src/api/intake/context.ts';
import { type RawMember, file, folder, hardLink, link, pax, temporaryFolder } from './archives.ts';
import { contents, dockerfile, signal, take } from './taken.ts';

const contextOf = async (members: readonly RawMember[]) => contents((await take(members)).contextPath);

const hashOf = async (members: readonly RawMember[]) => (await take(members)).contextHash;

describe('the build context', () => {
  test('is all that was sent, with the folders that hold it', async () => {
    const members = [file('src/deep/a.py', 'print()'), link('src/l', 'deep/a.py'), file('Dockerfile', dockerfile)];
    expect(await contextOf(members)).toEqual({
      Dockerfile: dockerfile,
      src: '/',
      'src/deep': '/',
      'src/deep/a.py': 'print()',
      'src/l': '-> deep/a.py',
    });
  });

  test('is empty where no archive was sent', async () => {
    const taken = await takeContext({ archivePath: null, dockerfile, directory: await temporaryFolder(), signal });
    expect(await contents(taken.contextPath)).toEqual({});
    expect(taken.contextHash).toBe(await hashOf([]));
  });

  test('is a tar that the tar command reads: sorted, of root, with modes and times', async () => {
    const long = 'long/'.repeat(30);
    const members = [
      file('b', 'b', { mode: 0o755, uid: 501, uname: 'me', mtime: 0 }),
      file('é', 'e'),
      link('l', 'b'),
      pax({ path: `${long}f` }),
      file('f', 'deep'),
    ];
    const { contextPath } = await take(members);
    const { stdout } = await promisify(execFile)('tar', ['--utc', '--numeric-owner', '-tvf', contextPath], {
      env: { LC_ALL: 'C.UTF-8' },
    });
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toBe('-rwxr-xr-x 0/0               1 1970-01-01 00:00 b');
    expect(lines[1]).toMatch(/^lrwxrwxrwx 0\/0 .* l -> b$/);
    expect(lines.at(-2)).toMatch(new RegExp(`^-rw-r--r-- 0/0 .* ${long}f$`));
    expect(lines.at(-1)).toMatch(/^-rw-r--r-- 0\/0 .* é$/);
  });

  test('leaves out what its .dockerignore names', async () => {
    const members = [
      file('.dockerignore', 'node_modules\n*.log\n'),
      file('node_modules/x/y'),
      file('a.log'),
      file('a'),
    ];
    expect(Object.keys(await contextOf(members))).toEqual(['.dockerignore', 'a']);
  });

  test('has no links out of it', async () => {
    for (const target of ['/etc/passwd', '../x', 'sub/../../x', 'up/../../x']) {
      const refused = take([link('a', target), link('sub/up', '..')]);
      await expect(refused).rejects.toMatchObject({ failureClass: 'invalid_request', field: 'context_tar_base64' });
      await expect(refused).rejects.toThrow('"a" is a link that leaves');
    }
  });

  test('has no links that climb through other links', async () => {
    await expect(take([link('sub/deep/up', '../..'), link('a', 'sub/deep/up/../x')])).rejects.toThrow('"a" is a link');
    await expect(take([link('a', 'b'), link('b', 'a')])).rejects.toThrow('is a link that leaves');
  });

  test('may have links within it, to folders, to nothing, and those that .dockerignore names', async () => {
    const members = [
      link('a', 'sub/../sub/x'),
      link('b', './sub'),
      link('sub/root', '..'),
      link('venv/bin/python', '/usr/bin/python3'),
      file('.dockerignore', 'venv\n'),
    ];
    expect(Object.keys(await contextOf(members))).toEqual(['.dockerignore', 'a', 'b', 'sub', 'sub/root']);
  });
});

describe('its hash', () => {
  const project = [folder('src'), file('src/a', 'a'), file('b', 'b', { mode: 0o755 }), link('l', 'b')];

  test.each<[string, readonly RawMember[]]>([
    ['the order of members', project.toReversed()],
    ['times', project.map((member) => ({ ...member, mtime: 5 }))],
    ['owners', project.map((member) => ({ ...member, uid: 501, uname: 'me' }))],
    ['folders that are not named', project.slice(1)],
    ['the way names are written', project.map((member) => ({ ...member, name: `./${String(member.name)}` }))],
  ])('does not depend on %s', async (_, members) => {
    expect(await hashOf(members)).toBe(await hashOf(project));
  });

  test('does not tell a hard link from a copy', async () => {
    expect(await hashOf([file('a', 'x'), hardLink('b', 'a')])).toBe(await hashOf([file('a', 'x'), file('b', 'x')]));
  });

  test.each<[string, readonly RawMember[]]>([
    ['content', project.map((member) => (member.name === 'b' ? { ...member, content: 'B' } : member))],
    ['a mode', project.map((member) => (member.name === 'b' ? { ...member, mode: 0o644 } : member))],
    ['a link', project.map((member) => (member.type === '2' ? { ...member, link: 'src/a' } : member))],
    ['a name', project.map((member) => (member.name === 'b' ? { ...member, name: 'c' } : member))],
    ['an empty folder', [...project, folder('empty')]],
    ['an empty file', [...project, file('empty')]],
  ])('changes with %s', async (_, members) => {
    expect(await hashOf(members)).not.toBe(await hashOf(project));
  });
});

describe('the Dockerfile', () => {
  const inArchive = file('Dockerfile', 'FROM archive\n');

  test("is the request's, also where the archive has one", async () => {
    const taken = await take([inArchive], { dockerfile: 'FROM request\n' });
    expect(taken.dockerfile).toBe('FROM request\n');
    expect(await contents(taken.contextPath)).toEqual({ Dockerfile: 'FROM archive\n' });
  });

  test("else the archive's, also by a link and where .dockerignore names it", async () => {
    const given = { dockerfile: null };
    expect((await take([inArchive], given)).dockerfile).toBe('FROM archive\n');
    const linked = [file('docker/main', 'FROM linked\n'), link('Dockerfile', 'docker/main')];
    expect((await take(linked, given)).dockerfile).toBe('FROM linked\n');
    const ignored = [inArchive, file('.dockerignore', 'Dockerfile\n')];
    expect((await take(ignored, given)).dockerfile).toBe('FROM archive\n');
  });

  test.each<[string, readonly RawMember[], string | null, string]>([
    ['missing', [file('a')], null, 'is missing'],
    ['without FROM', [], 'RUN true\n', 'line 1'],
    ['with a key', [], 'FROM a\nENV OPENAI_API_KEY=abc\n', 'OPENAI_API_KEY'],
    ['that copies tests', [file('tasks/1/tests/test.sh')], 'FROM a\nCOPY tasks/1/tests /t\n', 'line 2'],
    ['too large', [], `FROM a\n#${'x'.repeat(1024 * 1024)}`, '1 MiB'],
  ])('is refused when %s', async (_, members, given, message) => {
    const refused = take(members, { dockerfile: given });
    await expect(refused).rejects.toMatchObject({ failureClass: 'invalid_request', field: 'dockerfile' });
    await expect(refused).rejects.toThrow(message);
  });
});

test('what is refused leaves nothing behind', async () => {
  const directory = await temporaryFolder();
  const late = [file('tasks/1/tests/test.sh'), link('out', '/etc')];
  await expect(take(late, { directory })).rejects.toThrow('out');
  expect(await readdir(directory)).toEqual([]);
});

test('what is taken leaves its results alone behind', async () => {
  const directory = await temporaryFolder();
  const { contextPath, tasks } = await take([file('tasks/1/tests/test.sh')], { directory });
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  expect(new Set(files)).toEqual(new Set([contextPath, tasks[0]?.testsPath]));
});
