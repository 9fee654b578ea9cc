import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clusteredMean, passAtK, passRates, studentQuantile } from '../../src/model/batch-figures.ts';

/** The share of all choices of `k` of `n` samples that hold one of the `c` that passed. */
function byCounting(n: number, c: number, k: number): number {
  let all = 0;
  let lucky = 0;
  for (let choice = 0; choice < 2 ** n; choice += 1) {
    const chosen = Array.from({ length: n }, (_, i) => i).filter((i) => (choice >> i) & 1);
    if (chosen.length !== k) continue;
    all += 1;
    if (chosen.some((i) => i < c)) lucky += 1;
  }
  return lucky / all;
}

test('pass@k is what counting all choices gives', () => {
  const cases = fc
    .integer({ min: 1, max: 9 })
    .chain((n) => fc.tuple(fc.constant(n), fc.integer({ min: 0, max: n }), fc.integer({ min: 1, max: n })));
  fc.assert(
    fc.property(cases, ([n, c, k]) => {
      expect(passAtK(n, c, k)).toBeCloseTo(byCounting(n, c, k), 10);
    }),
  );
});

test('pass rates are means over the seeds that have enough rewards', () => {
  const group = (seed: number, scored: number, passed: number) => ({ policy: 0, seed, scored, sum: passed, passed });
  expect(passRates([group(1, 2, 1), group(2, 2, 0), group(3, 1, 1)])).toEqual({ 1: 0.5, 2: 0.5 });
  expect(passRates([group(1, 0, 0)])).toEqual({});
});

describe('the mean', () => {
  const seeds = (...rewards: number[]) =>
    rewards.map((sum, seed) => ({ policy: 0, seed, scored: 1, sum, passed: sum >= 1 ? 1 : 0 }));

  test('of one reward a seed has the interval of Student', () => {
    // Mean 2.5, standard deviation 1.2910, t(3) = 3.1824: half a width of 2.0543.
    const { mean, low, high } = clusteredMean(seeds(1, 2, 3, 4));
    expect(mean).toBe(2.5);
    expect(low).toBeCloseTo(2.5 - 2.0543, 3);
    expect(high).toBeCloseTo(2.5 + 2.0543, 3);
  });

  test('does not get surer by repeating each seed with the same result', () => {
    const once = clusteredMean(seeds(0, 1, 1, 0));
    const often = clusteredMean(seeds(0, 1, 1, 0).map((one) => ({ ...one, scored: 8, sum: one.sum * 8 })));
    expect(often.low).toBeCloseTo(once.low ?? Number.NaN, 10);
    expect(often.mean).toBe(once.mean);
  });

  test('has no interval of a single seed, and none is there without rewards', () => {
    expect(clusteredMean(seeds(1))).toEqual({ mean: 1, low: null, high: null });
    expect(clusteredMean([])).toEqual({ mean: null, low: null, high: null });
  });
});

test.each([
  [1, 12.7062],
  [20, 2.086],
  [21, 2.0796],
  [60, 2.0003],
  [1000, 1.9623],
])('the quantile of Student for %i degrees of freedom', (degrees, value) => {
  expect(studentQuantile(degrees)).toBeCloseTo(value, 3);
});
