import { expect, test } from 'vitest';
import { DiskPace } from '../../../src/interceptor/journal/disk-pace.ts';

test('a disk is taken to keep up until it does not', () => {
  const pace = new DiskPace();
  expect(pace.isPrompt(0)).toBe(true);
  pace.took(3, 100);
  expect(pace.isPrompt(100)).toBe(true);
});

test('a disk that held up a write is not waited for in the next ten seconds', () => {
  const pace = new DiskPace();
  pace.took(180, 1000);
  expect(pace.isPrompt(1001)).toBe(false);
  expect(pace.isPrompt(10_999)).toBe(false);
  expect(pace.isPrompt(11_000)).toBe(true);
});
