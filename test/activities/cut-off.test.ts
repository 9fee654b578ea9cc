import { describe, expect, test } from 'vitest';
import { absentMs, cutOffBy, type GivenUp } from '../../src/activities/cut-off.ts';

const at = (second: number) => new Date(second * 1000);
const call = (status: GivenUp['calls'][number]['status'], from: number, to: number | null = from + 1) => ({
  status,
  startedAt: at(from),
  endedAt: to === null ? null : at(to),
});
const away = (since: number, until: number) => ({ since: at(since), until: at(until) });

describe('an agent that gave up at second 100', () => {
  test.each<[string, GivenUp['calls'], GivenUp['absences'], boolean]>([
    ['was served all the time', [call('ok', 10)], [], false],
    ['found nobody there at all', [], [away(0, 120)], true],
    ['found nobody after its last answer', [call('ok', 10)], [away(20, 110)], true],
    ['lost its last call with the interceptor', [call('ok', 10), call('killed', 20)], [], true],
    ['was refused by the provider after that', [call('killed', 20), call('http_error', 90)], [away(21, 80)], false],
    ['got an answer after that', [call('ok', 10), call('ok', 90)], [away(20, 80)], false],
    ['hung up itself after that', [call('ok', 10), call('client_abort', 90)], [away(20, 80)], false],
    ['has calls that were answered in several absences', [call('ok', 50)], [away(20, 30), away(60, 70)], true],
    ['ended before nobody was there', [call('ok', 10)], [away(102, 110)], false],
    ['ended as the interceptor did, in the same second', [call('ok', 10)], [away(100.5, 110)], true],
  ])('%s', (_, calls, absences, isOurs) => {
    expect(cutOffBy({ at: at(100), calls, absences }) !== undefined).toBe(isOurs);
  });
});

test('time in which nobody served counts once, from when the agent began', () => {
  expect(absentMs([away(8, 12), away(11, 15), away(20, 21), away(0, 5)], at(10))).toBe(6000);
  expect(absentMs([], at(10))).toBe(0);
});
