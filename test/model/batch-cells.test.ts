import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cellAt, cellCount, type Grid } from '../../src/model/batch-cells.ts';

const grids: fc.Arbitrary<Grid> = fc.record({
  seeds: fc.oneof(
    fc.record({ list: fc.uniqueArray(fc.integer(), { minLength: 1, maxLength: 9 }) }),
    fc.record({ from: fc.integer({ min: -1000, max: 1000 }), count: fc.integer({ min: 1, max: 9 }) }),
  ),
  samples: fc.integer({ min: 1, max: 5 }),
  policies: fc.integer({ min: 1, max: 4 }),
});

const cells = (grid: Grid) => Array.from({ length: cellCount(grid) }, (_, index) => cellAt(grid, index));

test('every seed, sample and policy meet in exactly one cell', () => {
  fc.assert(
    fc.property(grids, (grid) => {
      const seen = new Set(cells(grid).map(({ seed, sample, policy }) => `${seed}/${sample}/${policy}`));
      expect(seen.size).toBe(cellCount(grid));
    }),
  );
});

test('no seed gets another sample before all have had theirs', () => {
  fc.assert(
    fc.property(grids, (grid) => {
      const samples = cells(grid).map(({ sample }) => sample);
      expect(samples).toEqual(samples.toSorted((a, b) => a - b));
    }),
  );
});

test('there is no cell behind the last', () => {
  fc.assert(
    fc.property(grids, (grid) => {
      expect(() => cellAt(grid, cellCount(grid))).toThrow(RangeError);
    }),
  );
});
