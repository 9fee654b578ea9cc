import { createHash } from 'node:crypto';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameQueue } from '../../../src/interceptor/journal/frame-queue.ts';
import { type Frame, frameTypes } from '../../../src/interceptor/journal/frames.ts';
import { readFrames } from '../../../src/interceptor/journal/read-frames.ts';
import { temporaryFolder } from '../support/interceptor.ts';

const frame: fc.Arbitrary<Frame> = fc.record({
  type: fc.constantFrom(...Object.values(frameTypes)),
  call: fc.integer({ min: 0, max: 0xffff_ffff }),
  ms: fc.integer({ min: 0, max: 0xffff_ffff }),
  payload: fc
    // Around the sizes at which a payload is no longer copied, and at which a slab or a read is full.
    .oneof(fc.nat(300), fc.integer({ min: 16_380, max: 16_390 }), fc.constantFrom(262_131, 262_132, 600_000))
    .map((bytes) => Buffer.alloc(bytes, bytes % 251)),
});
const frames = fc.array(frame, { maxLength: 40 });

/** One frame in a form that is quick to compare. */
function digest({ type, call, ms, payload }: Frame): string {
  return [type, call, ms, payload.length, createHash('sha1').update(payload).digest('hex')].join(' ');
}

async function readAll(path: string): Promise<string[]> {
  const file = await open(path);
  const found: string[] = [];
  for await (const placed of readFrames(file, 0)) found.push(digest(placed.frame));
  await file.close();
  return found;
}

function toBytes(written: readonly Frame[]): Buffer {
  const queue = new FrameQueue();
  for (const one of written) queue.add(one);
  return Buffer.concat(queue.take());
}

test('frames are read as they were written', async () => {
  const path = join(await temporaryFolder(), 'file');
  await fc.assert(
    fc.asyncProperty(frames, async (written) => {
      await writeFile(path, toBytes(written));
      expect(await readAll(path)).toEqual(written.map(digest));
    }),
    { numRuns: 50 },
  );
});

test('of a file that was cut off anywhere, the whole frames before the cut are read', async () => {
  const path = join(await temporaryFolder(), 'file');
  await fc.assert(
    fc.asyncProperty(frames, fc.double({ min: 0, max: 1, noNaN: true }), async (written, where) => {
      const bytes = toBytes(written);
      const cut = Math.floor(bytes.length * where);
      await writeFile(path, bytes.subarray(0, cut));
      const sizes = written.map(({ payload }) => 13 + payload.length);
      let left = cut;
      const whole = sizes.findIndex((size) => (left -= size) < 0);
      expect(await readAll(path)).toEqual(written.slice(0, whole === -1 ? undefined : whole).map(digest));
    }),
    { numRuns: 50 },
  );
});

test('zeros, as a file system may leave them behind the last page it saved, are no frames', async () => {
  const path = join(await temporaryFolder(), 'file');
  const written: Frame = { type: frameTypes.chunk, call: 1, ms: 2, payload: Buffer.from('piece') };
  await writeFile(path, Buffer.concat([toBytes([written]), Buffer.alloc(4096)]));
  expect(await readAll(path)).toEqual([digest(written)]);
});

test('what is added while other frames are taken stays in order', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(frame, fc.boolean()), { maxLength: 30 }), (steps) => {
      const queue = new FrameQueue();
      const taken: Buffer[] = [];
      for (const [one, takeNow] of steps) {
        queue.add(one);
        if (takeNow) taken.push(...queue.take());
      }
      taken.push(...queue.take());
      expect(queue.bytes).toBe(0);
      expect(Buffer.concat(taken).equals(toBytes(steps.map(([one]) => one)))).toBe(true);
    }),
    { numRuns: 50 },
  );
});
