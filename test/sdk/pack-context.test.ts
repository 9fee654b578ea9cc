import { randomFillSync } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { extract, type Header } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { limits } from '../../src/model/limits.ts';
import { packContext } from '../../src/sdk/pack-context.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'harbor-test-pack-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function put(path: string, content = 'x'): Promise<void> {
  await mkdir(join(folder, path, '..'), { recursive: true });
  await writeFile(join(folder, path), content);
}

async function membersOf(file: string): Promise<Map<string, Header & { content: string }>> {
  const members = new Map<string, Header & { content: string }>();
  for await (const entry of createReadStream(file).pipe(createGunzip()).pipe(extract())) {
    let content = '';
    for await (const chunk of entry) content += String(chunk);
    members.set(entry.header.name.replace(/\/$/, ''), { ...entry.header, content });
  }
  return members;
}

async function packed() {
  await using context = await packContext(folder);
  return { ...context, entries: await membersOf(context.file) };
}

describe('a packed context', () => {
  test('holds files with their content and mode, empty ones too', async () => {
    await put('src/main.py', 'print(1)\n');
    await put('empty');
    await writeFile(join(folder, 'empty'), '');
    await put('run.sh', '#!/bin/sh\n');
    await chmod(join(folder, 'run.sh'), 0o755);
    const { entries, files } = await packed();
    expect(entries.get('src/main.py')?.content).toBe('print(1)\n');
    expect(entries.get('empty')?.content).toBe('');
    expect(entries.get('run.sh')?.mode).toBe(0o755);
    expect(files).toBe(3);
  });

  test('keeps empty folders', async () => {
    await mkdir(join(folder, 'data/cache'), { recursive: true });
    expect((await packed()).entries.get('data/cache')?.type).toBe('directory');
  });

  test('keeps links as links, to folders and to nothing too', async () => {
    await put('real/file');
    await symlink('real', join(folder, 'to-folder'));
    await symlink('gone', join(folder, 'to-nothing'));
    const { entries } = await packed();
    expect(entries.get('to-folder')).toMatchObject({ type: 'symlink', linkname: 'real' });
    expect(entries.get('to-nothing')).toMatchObject({ type: 'symlink', linkname: 'gone' });
    expect(entries.has('to-folder/file')).toBe(false);
  });

  test('tells nobody who packed it', async () => {
    await put('file');
    expect((await packed()).entries.get('file')).toMatchObject({ uid: 0, gid: 0, uname: '', gname: '' });
  });

  test('keeps names of any length and alphabet', async () => {
    const name = `${'long/'.repeat(30)}${'ü'.repeat(90)} & more.txt`;
    await put(name);
    expect((await packed()).entries.has(name)).toBe(true);
  });

  test.each([
    '.git/HEAD',
    'sub/.git/HEAD',
    '.env',
    'sub/.env',
    'sub/.env.local',
    'deep/er/node_modules/x/index.js',
    'pkg/__pycache__/a.txt',
    'pkg/a.pyc',
    'pkg/name.egg-info/PKG-INFO',
    '.venv/bin/python',
    'sub/venv/bin/python',
    '.pytest_cache/v',
    '.mypy_cache/v',
    '.ruff_cache/v',
  ])('never holds %s', async (path) => {
    await put(path);
    await put('kept');
    const { entries, leftOut } = await packed();
    expect([...entries.keys()].filter((name) => name === path)).toEqual([]);
    expect(leftOut.some((left) => path.startsWith(left))).toBe(true);
  });

  test.each([
    '.envrc',
    'environment/x',
    '.github/workflows/ci.yml',
    'venv.py',
    '.gitignore',
    '.dockerignore',
    'a.pyc.txt',
  ])('holds %s', async (path) => {
    await put(path);
    expect((await packed()).entries.has(path)).toBe(true);
  });

  test('passes over what holds nothing, such as sockets', async () => {
    await put('file');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(folder, 'socket'), resolve));
    const { entries } = await packed();
    server.close();
    expect([...entries.keys()]).toEqual(['file']);
  });

  test('leaves no file behind once it is disposed of', async () => {
    await put('file');
    const context = await packContext(folder);
    await context[Symbol.asyncDispose]();
    await expect(readdir(join(context.file, '..'))).rejects.toThrow('ENOENT');
  });
});

describe('packing fails with what to do', () => {
  test('when the folder is not there', async () => {
    await expect(packContext(join(folder, 'missing'))).rejects.toMatchObject({
      failureClass: 'invalid_request',
      field: 'context',
    });
  });

  test('when it is too large, before anything is sent', async () => {
    // Random bytes do not shrink.
    const piece = randomFillSync(Buffer.alloc(limits.contextBytes / 2 + 1024 * 1024));
    await writeFile(join(folder, 'a'), piece);
    await writeFile(join(folder, 'b'), piece);
    await expect(packContext(folder)).rejects.toMatchObject({
      field: 'context',
      message: expect.stringContaining('100 MiB'),
      remedy: expect.stringContaining('--context'),
    });
  });
});
