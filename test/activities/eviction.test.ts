import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesOf, evictions, type KeptSnapshot } from '../../src/activities/eviction.ts';

const snapshot = (name: string, hour: number, layers: Record<string, number>, isNeeded = false): KeptSnapshot => ({
  name,
  lastUsedAt: new Date(hour * 3_600_000),
  isNeeded,
  layers: new Map(Object.entries(layers)),
});

describe('which snapshots have to go', () => {
  test('none, where all fit', () => {
    expect(evictions([snapshot('a', 1, { x: 5 }), snapshot('b', 2, { y: 5 })], 10)).toEqual([]);
  });

  test('those that were not used for longest, and no more than it takes', () => {
    const three = [snapshot('new', 3, { x: 5 }), snapshot('old', 1, { y: 5 }), snapshot('middle', 2, { z: 5 })];
    expect(evictions(three, 9)).toEqual([
      { name: 'old', bytes: 5 },
      { name: 'middle', bytes: 5 },
    ]);
  });

  test('with a layer that two share counted once, and freed with the second of them', () => {
    const pair = [snapshot('a', 1, { shared: 100, x: 1 }), snapshot('b', 2, { shared: 100, y: 1 })];
    expect(bytesOf(pair)).toBe(102);
    expect(evictions(pair, 102)).toEqual([]);
    expect(evictions(pair, 50)).toEqual([
      { name: 'a', bytes: 1 },
      { name: 'b', bytes: 101 },
    ]);
  });

  test('not one whose removal frees nothing, since one that is needed has the same layers', () => {
    const over = [snapshot('twin', 1, { x: 5 }), snapshot('needed', 2, { x: 5 }, true), snapshot('other', 3, { y: 5 })];
    expect(evictions(over, 1)).toEqual([{ name: 'other', bytes: 5 }]);
  });

  const anySnapshot = fc.record({
    lastUsedAt: fc.date({ noInvalidDate: true }),
    isNeeded: fc.boolean(),
    layers: fc
      .uniqueArray(fc.constantFrom('p', 'q', 'r', 's', 't', 'u'))
      .map((ids) => new Map(ids.map((id) => [id, id.charCodeAt(0)]))),
  });
  test('what is told to be freed is what is freed, and only needed ones keep it above the quota', () => {
    fc.assert(
      fc.property(fc.array(anySnapshot, { maxLength: 8 }), fc.nat(700), (some, quota) => {
        const all = some.map((one, index) => ({ ...one, name: String(index) }));
        const gone = evictions(all, quota);
        const left = all.filter(({ name }) => !gone.some((eviction) => eviction.name === name));
        const freed = gone.reduce((sum, { bytes }) => sum + bytes, 0);
        const needed = all.filter(({ isNeeded }) => isNeeded);
        expect(bytesOf(left)).toBe(bytesOf(all) - freed);
        expect(left).toEqual(expect.arrayContaining(needed));
        expect(bytesOf(left)).toBeLessThanOrEqual(Math.max(quota, bytesOf(needed)));
      }),
    );
  });
});
