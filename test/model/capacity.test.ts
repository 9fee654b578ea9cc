import { expect, test } from 'vitest';
import { capacityOf } from '../../src/model/capacity.ts';

const machine = { cpuCores: 4, memoryMb: 16_000 };
const nothingSaid = { running: undefined, starting: undefined, memoryMb: undefined };

test('what may run at once follows from the cores and the memory of the machine', () => {
  expect(capacityOf(machine, nothingSaid)).toEqual({ running: 16, starting: 16, cpuCores: 32, memoryMb: 28_800 });
});

test('a part of a core still runs one rollout at a time', () => {
  expect(capacityOf({ cpuCores: 0.1, memoryMb: 512 }, nothingSaid)).toMatchObject({ running: 1, starting: 1 });
});

test('what the operator says counts, and their number of rollouts is not cut down again for want of cores', () => {
  const capacity = capacityOf(machine, { running: 100, starting: 3, memoryMb: 9000 });
  expect(capacity).toMatchObject({ running: 100, starting: 3, memoryMb: 9000 });
  expect(capacity.cpuCores).toBeGreaterThan(100 * 8);
});
