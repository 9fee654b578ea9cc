import { describe, expect, test } from 'vitest';
import { count, counted, duration, money, reward, size } from '../../src/cli/format.ts';

describe('a duration', () => {
  test.each([
    [0, '0.0 s'],
    [0.44, '0.4 s'],
    [9.94, '9.9 s'],
    [9.96, '10 s'],
    [59.4, '59 s'],
    [59.6, '1 min 00 s'],
    [184, '3 min 04 s'],
    [3599.6, '1 h 00 min'],
    [3720, '1 h 02 min'],
  ])('of %d seconds is %s', (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });

  test('that is not known is a dash', () => {
    expect(duration(null)).toBe('-');
    expect(duration(undefined)).toBe('-');
  });
});

describe('money', () => {
  test.each([
    [0, '$0.00'],
    [0.00412, '$0.0041'],
    [0.9, '$0.9000'],
    [12.345, '$12.35'],
  ])('of %d dollars is %s', (usd, text) => {
    expect(money(usd)).toBe(text);
  });

  test('of an unknown price is not nothing', () => {
    expect(money(null)).toBe('unknown');
  });
});

describe('a reward', () => {
  test.each([
    [1, '1'],
    [0, '0'],
    [2 / 3, '0.667'],
    [-0.5, '-0.5'],
  ])('of %d is %s', (value, text) => {
    expect(reward(value)).toBe(text);
  });

  test('that was not earned is not 0', () => {
    expect(reward(null)).toBe('-');
  });
});

test('counts are grouped and agree with their noun', () => {
  expect(count(1234567)).toBe('1,234,567');
  expect(counted(1, 'call')).toBe('1 call');
  expect(counted(0, 'call')).toBe('0 calls');
  expect(counted(2, 'entry', 'entries')).toBe('2 entries');
});

test('sizes are in powers of 1000', () => {
  expect([size(1), size(999), size(17_119), size(5_500_000), size(2e9)]).toEqual([
    '1 byte',
    '999 bytes',
    '17.1 kB',
    '5.5 MB',
    '2.0 GB',
  ]);
});
