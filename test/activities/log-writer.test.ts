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
