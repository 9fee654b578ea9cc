import { existsSync, utimesSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BlobStore, BlobSweepReport } from '../../src/store/blobs.ts';
import { fileBlobs } from '../../src/store/file-blobs.ts';

let folder: string;
let blobs: BlobStore;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'harbor-sweep-'));
  blobs = fileBlobs(folder);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const day = 24 * 3_600_000;
const place = (ref: string): string => join(folder, ref.slice(0, 2), ref);
const age = (path: string): Promise<void> =>
  utimes(path, new Date(Date.now() - 2 * day), new Date(Date.now() - 2 * day));
const { signal } = new AbortController();
const owner = 'the database';

/** Blobs that there are, on disk. */
async function there(): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.flatMap(({ name, parentPath }) => (/\/[0-9a-f]{2}$/.test(parentPath) ? [name] : [])).toSorted();
}

/** Asks for them page by page, as they are then, and lets others work between. */
async function* pages(held: () => Iterable<string>): AsyncGenerator<readonly string[]> {
  for (const ref of held()) yield [ref];
}

const sweep = (held: () => Iterable<string> = () => [], dryRun = false): Promise<BlobSweepReport | undefined> =>
  blobs.sweep({ owner, references: pages(held), untouchedSince: new Date(Date.now() - day), dryRun, signal });

const text = (number: number): Buffer => Buffer.from(`content ${number} ${'of a conversation '.repeat(10)}`);

describe('a sweep', () => {
  test('removes what nothing refers to once it is old, and tells how much that is', async () => {
    const [held, old, young] = [await blobs.put(text(1)), await blobs.put(text(2)), await blobs.put(text(3))];
    await age(place(held));
    await age(place(old));
    const { size } = await stat(place(old));
    const told = await sweep(() => [held], true);
    expect(told).toMatchObject({ removed: { count: 1, bytes: size }, kept: { count: 2 } });
    expect(await there()).toEqual([held, old, young].toSorted());
    expect(await sweep(() => ['no ref', 'ab', held])).toEqual(told);
    expect(await there()).toEqual([held, young].toSorted());
  });

  test('keeps all that a blob is made of, and removes it with the blob, at once', async () => {
    const refs: string[] = [];
    for (let number = 0; number < 10; number += 1) {
      refs.push(await blobs.put(text(number), { similarTo: refs.at(-1) }));
    }
    for (const ref of refs) await age(place(ref));
    const last = refs.at(-1) ?? '';
    expect(await sweep(() => [last])).toMatchObject({ removed: { count: 0 }, kept: { count: 10 } });
    expect(await blobs.get(last)).toEqual(text(9));
    expect(await sweep()).toMatchObject({ removed: { count: 10 }, kept: { count: 0 } });
    expect(await there()).toEqual([]);
  });

  test('leaves what is put again, with all that it is made of, before its reference is there', async () => {
    const base = await blobs.put(text(1));
    const next = await blobs.put(text(2), { similarTo: base });
    for (const ref of [base, next]) await age(place(ref));
    expect(await blobs.put(text(2))).toBe(next);
    await sweep();
    expect(await blobs.get(next)).toEqual(text(2));
  });

  test('leaves what is put while it goes on', async () => {
    const base = await blobs.put(text(1));
    const next = await blobs.put(text(2), { similarTo: base });
    for (const ref of [base, next]) await age(place(ref));
    async function* late(): AsyncGenerator<readonly string[]> {
      yield [];
      // Everything that is young was looked at before the references are asked for.
      await blobs.put(text(2));
      await blobs.put(text(3), { similarTo: next });
    }
    await blobs.sweep({ owner, references: late(), untouchedSince: new Date(Date.now() - day), dryRun: false, signal });
    expect(await there()).toHaveLength(3);
    expect(await blobs.get(next)).toEqual(text(2));
  });

  test('that died before it had decided is made good by the next, whatever came in between', async () => {
    const [wanted, anew, old] = [await blobs.put(text(1)), await blobs.put(text(2)), await blobs.put(text(3))];
    await mkdir(join(folder, 'gone'));
    await age(place(old));
    for (const ref of [wanted, anew, old]) await rename(place(ref), join(folder, 'gone', ref));
    expect(await blobs.get(wanted)).toEqual(text(1));
    await blobs.put(text(2));
    await sweep();
    expect(await there()).toEqual([wanted, anew].toSorted());
    expect(await readdir(join(folder, 'gone'))).toEqual([]);
  });

  test('removes what writers and sweeps had begun that died over it, and leaves what is being written', async () => {
    const names = ['written', 'begun', 'begun.sweep'].map((name) => join(folder, 'tmp', name));
    const [written = '', begun = '', dead = ''] = names;
    await mkdir(dead, { recursive: true });
    for (const path of [written, begun]) await writeFile(path, 'x');
    for (const path of [begun, dead]) await age(path);
    await sweep();
    expect(await readdir(join(folder, 'tmp'))).toEqual(['written']);
  });

  test('of another database than the one whose blobs they are removes nothing', async () => {
    const ref = await blobs.put(text(1));
    await sweep(() => [ref]);
    await age(place(ref));
    const request = { references: pages(() => []), untouchedSince: new Date(), dryRun: false, signal };
    expect(await blobs.sweep({ owner: 'another', ...request })).toBeUndefined();
    expect(await there()).toEqual([ref]);
    expect(await sweep()).toMatchObject({ removed: { count: 1 } });
  });

  test('that is broken off has lost nothing', async () => {
    const refs = [await blobs.put(text(1)), await blobs.put(text(2))];
    for (const ref of refs) await age(place(ref));
    async function* broken(): AsyncGenerator<readonly string[]> {
      yield [];
      throw new Error('the database went away');
    }
    const request = { owner, untouchedSince: new Date(), dryRun: false, signal };
    await expect(blobs.sweep({ ...request, references: broken() })).rejects.toThrow('the database went away');
    await expect(
      blobs.sweep({ ...request, references: pages(() => refs), signal: AbortSignal.abort(new Error('enough')) }),
    ).rejects.toThrow('enough');
    expect(await there()).toEqual(refs.toSorted());
    expect(await readdir(join(folder, 'tmp'))).toEqual([]);
  });
});

interface Put {
  readonly kind: 'put';
  readonly content: number;
  readonly similarTo: number;
  readonly keep: boolean;
}
interface Change {
  readonly kind: 'forget' | 'age';
  readonly content: number;
}
type Step = Put | Change | { readonly kind: 'sweep' };

const content = fc.nat({ max: 11 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('put' as const), content, similarTo: content, keep: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('forget' as const, 'age' as const), content }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('sweep' as const) }) },
);

test('whatever is put, referred to, forgotten and grows old while sweeps go on, nothing that is referred to is lost', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { maxLength: 12 }), async (rounds) => {
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder);
      const held = new Map<number, string>();
      let putting = 0;
      const refs = new Map<number, string>();
      let sweeps = 0;
      const put = async ({ content: number, similarTo, keep }: Put): Promise<void> => {
        putting += 1;
        const ref = await blobs.put(text(number), { similarTo: refs.get(similarTo) });
        refs.set(number, ref);
        // The row is written somewhat later.
        await stat(folder);
        if (keep) held.set(number, ref);
        putting -= 1;
      };
      const take = async (one: Step): Promise<void> => {
        if (one.kind === 'put') await put(one);
        else if (one.kind === 'forget') held.delete(one.content);
        else if (one.kind === 'age') {
          // A day goes by, which is longer than it takes to write a row, or to sweep.
          const path = place(refs.get(one.content) ?? '');
          if (putting + sweeps === 0 && existsSync(path)) utimesSync(path, 1, 1);
        } else {
          sweeps += 1;
          await sweep(() => held.values());
          sweeps -= 1;
        }
      };
      for (const round of rounds) {
        await Promise.all(round.map(take));
        for (const [number, ref] of held) expect(await blobs.get(ref)).toEqual(text(number));
      }
      for (const ref of await there()) await age(place(ref));
      await sweep(() => held.values());
      for (const [number, ref] of held) expect(await blobs.get(ref)).toEqual(text(number));
      const rest = (await there()).length;
      await sweep(() => held.values());
      expect(await there()).toHaveLength(rest);
      await sweep();
      expect(await there()).toEqual([]);
    }),
    { numRuns: 30 },
  );
});
