import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LogWriter } from '../../src/activities/log-writer.ts';
import { openTestStore, type TestStore } from '../support/store.ts';

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore();
});
afterAll(() => store.close());

describe('a log writer', () => {
  test('brings every byte into the store, however it was cut', async () => {
    let count = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 40_000 }), { maxLength: 12 }), async (pieces) => {
        count += 1;
        const writer = await LogWriter.continue(store.logs, `log ${count}`);
        for (const piece of pieces) await writer.write(Buffer.from(piece));
        await writer.flush();
        expect(await store.logs.read(`log ${count}`, 0)).toEqual(Buffer.concat(pieces));
      }),
      { numRuns: 20 },
    );
  });

  test('goes on where an earlier one stopped, and knows the end of what that one wrote', async () => {
    const first = await LogWriter.continue(store.logs, 'continued');
    await first.write(Buffer.from('first, '));
    await first.flush();
    const second = await LogWriter.continue(store.logs, 'continued');
    expect(second.length).toBe(7);
    await second.write(Buffer.from('second'));
    await second.flush();
    expect(second.tail).toBe('first, second');
    expect((await store.logs.read('continued', 0)).toString()).toBe('first, second');
  });

  test('keeps no more of the end than it needs', async () => {
    const writer = await LogWriter.continue(store.logs, 'long');
    const output = randomBytes(200_000).toString('hex');
    await writer.write(Buffer.from(output));
    expect(writer.tail).toBe(output.slice(-65_536));
    await writer.flush();
  });

  test('says so when the store fails', async () => {
    const failing = { ...store.logs, append: () => Promise.reject(new Error('the disk is full')) };
    const writer = await LogWriter.continue(failing, 'failing');
    await writer.write(Buffer.from('x'));
    await expect(writer.flush()).rejects.toThrow('the disk is full');
    await expect(writer.flush()).rejects.toThrow('the disk is full');
  });
});

describe('a log of more than there is room for', () => {
  const room = { head: 10_000, end: 2_000 };
  const output = randomBytes(20_000);
  const whole = Buffer.concat([
    output.subarray(0, 10_000),
    Buffer.from('\n--- 8000 bytes are left out here ---\n'),
    output.subarray(-2_000),
  ]);

  test('keeps its start and its end, and says what is left out', async () => {
    let count = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 19_999 }), { maxLength: 8 }), async (cuts) => {
        count += 1;
        const id = `large ${count}`;
        const writer = await LogWriter.continue(store.logs, id, room);
        const places = [0, ...cuts.toSorted((a, b) => a - b), output.length];
        for (const [index, at] of places.entries()) await writer.write(output.subarray(at, places[index + 1] ?? at));
        expect(writer.length).toBe(output.length);
        await writer.finish();
        await store.logs.close(id);
        expect(await store.logs.read(id, 0)).toEqual(whole);
      }),
      { numRuns: 20 },
    );
  });

  test('is followed again from where its start ended, by whoever goes on', async () => {
    const first = await LogWriter.continue(store.logs, 'taken over', room);
    await first.write(output.subarray(0, 15_000));
    await first.flush();
    const second = await LogWriter.continue(store.logs, 'taken over', room);
    expect(second.length).toBe(10_000);
    await second.write(output.subarray(10_000));
    await second.finish();
    await second.finish();
    expect(await store.logs.read('taken over', 0)).toEqual(whole);
  });

  test('that just fits is left as it is', async () => {
    const writer = await LogWriter.continue(store.logs, 'fits', room);
    await writer.write(output.subarray(0, 12_000));
    await writer.finish();
    expect(await store.logs.read('fits', 0)).toEqual(output.subarray(0, 12_000));
  });
});
