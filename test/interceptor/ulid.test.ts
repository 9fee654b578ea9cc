import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ulidMaker } from '../../src/interceptor/ulid.ts';

const ulid = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

test('ULIDs grow, also while the clock stands still or runs back', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 48 - 1 }), { minLength: 2, maxLength: 50 }), (times) => {
      let tick = 0;
      const next = ulidMaker('', () => times[tick++] ?? 0);
      const made = times.map(() => next());
      expect(made).toEqual([...made].sort());
      expect(new Set(made).size).toBe(made.length);
    }),
  );
});

test('a ULID tells its time in the first ten characters', () => {
  expect(ulidMaker('', () => 1469918176385)()).toMatch(/^01ARYZ6S41/);
});

test('the first ULID is greater than the one it follows, also where that ends in the greatest digits', () => {
  const after = '7ZZZZZZZZY0000000000ZZZZZZ';
  const next = ulidMaker(after, () => 0)();
  expect(next).toBe('7ZZZZZZZZY0000000001000000');
  expect(next).toMatch(ulid);
});
