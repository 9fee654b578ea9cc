import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, symlink, link as linkFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type Bounds, readArchive } from '../../../src/api/intake/read-archive.ts';
import type { Tree } from '../../../src/api/intake/tree.ts';
import { UnpackedArchive } from '../../../src/api/intake/unpacked-archive.ts';
import { type RawMember, block, file, folder, hardLink, link, pax, tar, tarGz, temporaryFolder } from './archives.ts';

const signal = new AbortController().signal;

async function withArchive<T>(
  source: Buffer | Readable,
  bounds: Bounds | undefined,
  use: (tree: Tree, archive: UnpackedArchive) => T | Promise<T>,
): Promise<T> {
  await using archive = await UnpackedArchive.create(join(await temporaryFolder(), 'unpacked.tar'));
  const stream = source instanceof Readable ? source : Readable.from([source]);
  return await use(await readArchive(stream, archive, signal, bounds), archive);
}

const treeOf = (source: Buffer | Readable, bounds?: Bounds) => withArchive(source, bounds, (tree) => tree);

const contentOf = (source: Buffer, path: string) =>
  withArchive(source, undefined, (tree, archive) => {
    const member = tree.get(path);
    return member?.type === 'file' ? text(Readable.from(archive.read(member))) : undefined;
  });

describe('an archive', () => {
  test('gives its files, folders and links by their paths, whatever stands before them', async () => {
    const tree = await treeOf(tarGz([folder('.'), file('./a//b.txt', 'b'), folder('./a/c'), link('a/l', 'b.txt')]));
    expect([...tree].map(([path, { type }]) => [path, type])).toEqual([
      ['a/b.txt', 'file'],
      ['a/c', 'directory'],
      ['a/l', 'link'],
    ]);
  });

  test.each([
    ['permission bits, not setuid, setgid and sticky', file('f', '', { mode: 0o7751 }), 0o751],
    ['0644 for a file whose packer knew no modes', file('f', '', { mode: 0 }), 0o644],
    ['0755 for such a folder', folder('f', 0), 0o755],
  ])('keeps %s', async (_, member, mode) => {
    expect((await treeOf(tarGz([member]))).get('f')).toMatchObject({ mode });
  });

  test('holds contents of all sizes around a block', async () => {
    const contents = [0, 1, 511, 512, 513, 300_000].map((size) => 'x'.repeat(size));
    const archive = tarGz(contents.map((content, index) => file(`f${index}`, content)));
    for (const [index, content] of contents.entries()) expect(await contentOf(archive, `f${index}`)).toBe(content);
  });

  test('has the longest names by pax and by GNU headers', async () => {
    const long = `${'d'.repeat(200)}/${'é'.repeat(120)}`;
    const byPax = await treeOf(tarGz([pax({ path: long }), file('short')]));
    const byGnu = await treeOf(tarGz([{ name: '././@LongLink', type: 'L', content: `${long}\0` }, file('short')]));
    expect([[...byPax.keys()], [...byGnu.keys()]]).toEqual([[long], [long]]);
  });

  test('may hold what macOS and git add', async () => {
    const extras = [
      { name: 'pax_global_header', type: 'g', content: '52 comment=0123456789012345678901234567890123456789\n' },
      pax({ 'LIBARCHIVE.xattr.com.apple.quarantine': 'x', 'SCHILY.xattr.user.a': 'b', mtime: '1700000000.5' }),
    ];
    const tree = await treeOf(tarGz([...extras, file('a'), file('._a', 'resource fork')]));
    expect([...tree.keys()]).toEqual(['a', '._a']);
  });

  test('repeats the content of a file for a hard link to it', async () => {
    expect(await contentOf(tarGz([file('a', 'content'), hardLink('b', './a')]), 'b')).toBe('content');
  });

  test('has the last of two members of one name, as tar unpacks them', async () => {
    expect(await contentOf(tarGz([file('a', 'old'), file('a', 'new')]), 'a')).toBe('new');
  });

  test('may end in zeros, or without an end mark', async () => {
    const zeros = gzipSync(Buffer.concat([tar([file('a')]), Buffer.alloc(20_480)]));
    const markless = gzipSync(block(file('a')));
    for (const archive of [zeros, markless]) expect([...(await treeOf(archive)).keys()]).toEqual(['a']);
  });

  test('may come from the tar command, with links of both kinds', async () => {
    const directory = await temporaryFolder();
    await mkdir(join(directory, 'in/sub'), { recursive: true });
    await writeFile(join(directory, 'in/sub/a'), 'content');
    await linkFile(join(directory, 'in/sub/a'), join(directory, 'in/hard'));
    await symlink('sub/a', join(directory, 'in/soft'));
    const { stdout } = await promisify(execFile)('tar', ['-czf', '-', '-C', join(directory, 'in'), '.'], {
      encoding: 'buffer',
    });
    expect([...(await treeOf(stdout)).keys()].toSorted()).toEqual(['hard', 'soft', 'sub', 'sub/a']);
  });
});

describe('refused, naming the member:', () => {
  const invalidUtf8 = Buffer.from([0x61, 0xff, 0x62]);
  test.each<[string, readonly RawMember[], string, string]>([
    ['an absolute path', [file('/etc/passwd')], '/etc/passwd', 'absolute'],
    ['a path that climbs out', [file('a/../../b')], 'a/../../b', 'climbs'],
    ['a path that climbs and comes back', [file('a/../b')], 'a/../b', 'climbs'],
    ['no name', [file('')], '', 'empty'],
    ['a file that is the root', [file('./.')], './.', 'empty'],
    ['a NUL in a pax name', [pax({ path: 'a\0b' }), file('x')], String.raw`a\u0000b`, 'NUL'],
    ['a name that is not UTF-8', [{ name: invalidUtf8 }], 'aÿb', 'UTF-8'],
    ['an absolute pax path', [pax({ path: '/a' }), file('x')], '/a', 'absolute'],
    ['a part of a name that no file system takes', [pax({ path: 'a'.repeat(256) }), file('x')], 'aaa', 'too long'],
    ['a path of too many folders', [pax({ path: 'a/'.repeat(200) }), file('x')], 'a/a', 'too long'],
    ['a character device', [{ name: 'dev', type: '3' }], 'dev', 'neither'],
    ['a block device', [{ name: 'dev', type: '4' }], 'dev', 'neither'],
    ['a fifo', [{ name: 'pipe', type: '6' }], 'pipe', 'neither'],
    ['a type of GNU tar for sparse files', [{ name: 'sparse', type: 'S' }], 'sparse', 'neither'],
    ['a pax sparse file', [pax({ 'GNU.sparse.major': '1' }), file('sparse')], 'sparse', 'neither'],
    ['a type that is unknown', [{ name: 'what', type: 'Z' }], 'what', 'neither'],
    ['a hard link out of the tree', [hardLink('a', '../b')], '../b', 'climbs'],
    ['a hard link to an absolute path', [hardLink('a', '/b')], '/b', 'absolute'],
    ['a hard link to what comes later', [hardLink('a', 'b'), file('b')], 'a', 'no file before it'],
    ['a hard link to a link', [link('b', 'c'), hardLink('a', 'b')], 'a', 'no file before it'],
    ['a link to nothing', [link('a', '')], 'a', 'no valid path'],
    ['a member below a link', [link('a', 'b'), file('a/c')], 'a/c', 'below'],
    ['a member far below a link', [link('a', 'b'), file('a/c/d/e')], 'a/c/d/e', 'below'],
    ['a member below a file', [file('a'), file('a/c')], 'a/c', 'below'],
    ['a link in the place of a folder', [file('a/c'), link('a', 'b')], 'a', 'lie below it'],
    ['a file that becomes a link', [file('a'), link('a', 'b')], 'a', 'both'],
    ['a folder that becomes a link', [folder('a'), link('a', 'b')], 'a', 'both'],
  ])('%s', async (_, members, name, message) => {
    const refused = treeOf(tarGz(members));
    await expect(refused).rejects.toMatchObject({ failureClass: 'invalid_request', field: 'context_tar_base64' });
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toThrow(name);
  });
});

describe('refused as no whole tar.gz:', () => {
  const good = tarGz([file('a', 'x'.repeat(5000)), file('b', 'y'.repeat(5000))]);
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['text', Buffer.from('FROM scratch')],
    ['a tar without gzip', tar([file('a')])],
    ['gzip of something else', gzipSync('x'.repeat(2000))],
    ['gzip of less than a block', gzipSync('x')],
    ['a gzip that is cut', good.subarray(0, -10)],
    ['a tar that is cut within a file', gzipSync(tar([file('a', 'x'.repeat(5000))]).subarray(0, 2048))],
    ['a header that was changed', gzipSync(tar([file('a')]).fill('b', 0, 1))],
    ['bytes behind the gzip', Buffer.concat([good, Buffer.from('garbage')])],
    ['bytes behind the tar', gzipSync(Buffer.concat([tar([file('a')]), Buffer.alloc(512, 'garbage')]))],
    ['a size that is no number', gzipSync(tar([file('a')]).fill('x', 124, 135))],
  ])('%s', async (_, archive) => {
    await expect(treeOf(archive)).rejects.toMatchObject({
      failureClass: 'invalid_request',
      field: 'context_tar_base64',
    });
  });
});

describe('left at once when it blows up:', () => {
  /** The archive in pieces of 4 KiB, and how many of its bytes were asked for. */
  function counted(content: Buffer): { readonly stream: Readable; readonly read: () => number } {
    let at = 0;
    const stream = new Readable({
      highWaterMark: 4096,
      read() {
        this.push(at < content.length ? content.subarray(at, at + 4096) : null);
        at += 4096;
      },
    });
    return { stream, read: () => Math.min(at, content.length) };
  }

  const bounds: Bounds = { entries: 100, bytes: 1024 * 1024 };
  const huge = { name: 'noise', content: randomBytes(16 * 1024 * 1024) };

  test('a file whose header says that it is too large, before its content is read', async () => {
    const archive = tarGz([huge]);
    const { stream, read } = counted(archive);
    await expect(treeOf(stream, bounds)).rejects.toThrow('larger than 1 MiB');
    expect(read()).toBeLessThan(archive.length / 10);
  });

  test('members that are too large together', async () => {
    const archive = tarGz(Array.from({ length: 50 }, (_, index) => file(`f${index}`, 'x'.repeat(100 * 1024))));
    await expect(treeOf(archive, bounds)).rejects.toThrow('larger than 1 MiB');
  });

  test('headers and padding alone', async () => {
    const archive = gzipSync(Buffer.alloc(100 * 1024 * 1024));
    const { stream, read } = counted(archive);
    await expect(treeOf(stream, bounds)).rejects.toThrow('larger than 1 MiB');
    expect(read()).toBeLessThan(archive.length);
  });

  test('hard links that repeat a file', async () => {
    const links = Array.from({ length: 20 }, (_, index) => hardLink(`l${index}`, 'f'));
    await expect(treeOf(tarGz([file('f', 'x'.repeat(100 * 1024)), ...links]), bounds)).rejects.toThrow('1 MiB');
  });

  test('one hard link too many, as the last member', async () => {
    const archive = tarGz([file('f', 'x'.repeat(600 * 1024)), hardLink('l', 'f')]);
    await expect(treeOf(archive, bounds)).rejects.toThrow('1 MiB');
  });

  test('too many entries', async () => {
    const archive = tarGz(Array.from({ length: 101 }, (_, index) => file(`f${index}`)));
    await expect(treeOf(archive, bounds)).rejects.toThrow('more than 100 files and folders');
  });

  test('few names that make many folders', async () => {
    const deep = Array.from({ length: 10 }, (_, index) => file(`${index}/${'a/'.repeat(20)}f`));
    await expect(treeOf(tarGz(deep), bounds)).rejects.toThrow('more than 100 files and folders');
  });

  test('but not one that is just within the bounds', async () => {
    const archive = tarGz(Array.from({ length: 49 }, (_, index) => file(`f${index}/x`, 'x'.repeat(10_000))));
    expect((await treeOf(archive, bounds)).size).toBe(49);
  });
});

test('reading ends with the reason given when it is aborted', async () => {
  await using archive = await UnpackedArchive.create(join(await temporaryFolder(), 'unpacked.tar'));
  const controller = new AbortController();
  const reading = readArchive(new Readable({ read() {} }), archive, controller.signal);
  controller.abort(new Error('the server stops'));
  await expect(reading).rejects.toThrow('the server stops');
});
