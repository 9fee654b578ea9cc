import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BlobStore } from '../../src/store/blobs.ts';
import { fileBlobs } from '../../src/store/file-blobs.ts';

let folder: string;
let blobs: BlobStore;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'harbor-blobs-'));
  blobs = fileBlobs(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Bytes that all blob files take on disk. */
async function filesOnDisk(): Promise<number> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  return names.filter((entry) => entry.isFile()).length;
}

describe('blobs in files', () => {
  test('come back byte for byte', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), async (bytes) => {
        const content = Buffer.from(bytes);
        expect(await blobs.get(await blobs.put(content))).toEqual(content);
      }),
      { numRuns: 50 },
    );
  });

  test('come back byte for byte when they were kept as a difference', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 800 }), { maxLength: 40 }), async (growth) => {
        let conversation = Buffer.from('start');
        let previous = await blobs.put(conversation);
        const versions = new Map([[previous, conversation]]);
        for (const addition of growth) {
          conversation = Buffer.concat([conversation, addition]);
          previous = await blobs.put(conversation, { similarTo: previous });
          versions.set(previous, conversation);
        }
        for (const [ref, content] of versions) expect(await blobs.get(ref)).toEqual(content);
      }),
      { numRuns: 15 },
    );
  });

  test('that repeat another one for the most part take next to no room', async () => {
    const base = randomBytes(300_000);
    const next = Buffer.concat([base, Buffer.from('one more turn')]);
    const ref = await blobs.put(next, { similarTo: await blobs.put(base) });
    expect((await stat(join(folder, ref.slice(0, 2), ref))).size).toBeLessThan(2000);
  });

  test('are kept once, however often they are put', async () => {
    const content = randomBytes(1000);
    await blobs.put(content);
    const before = await filesOnDisk();
    await blobs.put(content);
    await blobs.put(content, { similarTo: await blobs.put(content) });
    expect(await filesOnDisk()).toBe(before);
  });

  test('may come as a stream and leave as one', async () => {
    const content = randomBytes(3_000_000);
    const { ref, bytes } = await blobs.putStream(Readable.from([content.subarray(0, 7), content.subarray(7)]));
    expect(bytes).toBe(content.length);
    expect(ref).toBe(await blobs.put(content));
    expect((await buffer(await blobs.open(ref))).equals(content)).toBe(true);
  });

  test('leave nothing behind when their stream breaks', async () => {
    const before = await filesOnDisk();
    const broken = Readable.from(
      (async function* () {
        yield Buffer.from('half');
        throw new Error('the sender went away');
      })(),
    );
    await expect(blobs.putStream(broken)).rejects.toThrow('the sender went away');
    expect(await filesOnDisk()).toBe(before);
  });

  test('that are not there are an error that names them', async () => {
    const ref = 'ab'.repeat(32);
    await expect(blobs.get(ref)).rejects.toThrow(`blob ${ref} is not in the store`);
    await expect(blobs.open(ref)).rejects.toThrow(`blob ${ref} is not in the store`);
  });
});
