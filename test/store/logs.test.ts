import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTestStore, type TestStore } from '../support/store.ts';

let store: TestStore;
let log: string;
let count = 0;

beforeAll(async () => {
  store = await openTestStore();
});
afterAll(() => store.close());
beforeEach(() => {
  count += 1;
  log = `rollout/r${count}/1/agent`;
});

const append = (offset: number, text: string) => store.logs.append(log, offset, Buffer.from(text));
const readAll = async () => (await store.logs.read(log, 0)).toString();

describe('a growing log', () => {
  test('is empty before its first byte', async () => {
    expect(await store.logs.length(log)).toBe(0);
    expect(await readAll()).toBe('');
  });

  test('is read from any byte on', async () => {
    await append(0, 'hello ');
    await append(6, 'world');
    expect((await store.logs.read(log, 3)).toString()).toBe('lo world');
    expect((await store.logs.read(log, 6)).toString()).toBe('world');
    expect((await store.logs.read(log, 11)).toString()).toBe('');
    expect(await store.logs.length(log)).toBe(11);
  });

  test('takes the same bytes twice', async () => {
    await append(0, 'hello');
    await append(0, 'hello');
    expect(await readAll()).toBe('hello');
  });

  test('is whole where two writers cut it in different places', async () => {
    await append(0, 'abcdef');
    await append(4, 'efgh');
    await append(6, 'ghij');
    expect(await readAll()).toBe('abcdefghij');
    expect((await store.logs.read(log, 5)).toString()).toBe('fghij');
  });

  test('shows nothing behind a gap', async () => {
    await append(0, 'abc');
    await append(5, 'fgh');
    expect(await readAll()).toBe('abc');
  });
});

describe('a closed log', () => {
  test('reads as it did before, from one blob', async () => {
    for (let at = 0; at < 200; at += 1) await append(at * 3, 'xyz');
    await store.logs.close(log);
    expect(await readAll()).toBe('xyz'.repeat(200));
    expect(await store.logs.length(log)).toBe(600);
    expect(await store.db.selectFrom('logChunks').selectAll().where('logId', '=', log).execute()).toEqual([]);
  });

  test('is closed once', async () => {
    await append(0, 'abc');
    await store.logs.close(log);
    await store.logs.close(log);
    expect(await readAll()).toBe('abc');
  });

  test('without a byte is none', async () => {
    await store.logs.close(log);
    expect(await readAll()).toBe('');
  });
});
