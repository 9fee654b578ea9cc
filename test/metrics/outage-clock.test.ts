import { expect, test } from 'vitest';
import { OutageClock } from '../../src/metrics/outage-clock.ts';

test('an outage counts once, however many see it, and while it lasts', () => {
  let now = 0;
  const clock = new OutageClock(() => now);
  now = 1_000;
  clock.failed();
  now = 3_000;
  clock.failed();
  expect(clock.seconds()).toBe(2);
  now = 5_000;
  clock.succeeded();
  clock.succeeded();
  now = 50_000;
  expect(clock.seconds()).toBe(4);
  clock.failed();
  now = 51_000;
  expect(clock.seconds()).toBe(5);
});
