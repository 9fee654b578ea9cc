import { describe, expect, test } from 'vitest';
import { ownResultOf } from '../../src/activities/own-result.ts';

describe("an own entrypoint's result.json", () => {
  test.each<[string, string, number | null]>([
    ['reward_info.outcome_reward', '{"reward_info":{"outcome_reward":0.5}}', 0.5],
    ['metrics.outcome_reward', '{"metrics":{"outcome_reward":1}}', 1],
    [
      'metrics.reward_mean, as older runners write it',
      '{"metrics":{"reward_mean":0.25,"details":{}},"success":true}',
      0.25,
    ],
    ['none: no number is no number', '{"success":true}', null],
    ['none: null is no number', '{"metrics":{"reward_mean":null}}', null],
  ])('is read for its reward: %s', (_, text, reward) => {
    expect(ownResultOf(text)?.reward).toBe(reward);
  });

  test.each<[string, string, object]>([
    [
      'metrics.details',
      '{"metrics":{"reward_mean":1,"details":{"tests_passed":3}},"success":true}',
      { tests_passed: 3 },
    ],
    ['reward_info.details', '{"reward_info":{"outcome_reward":1,"details":{"a":1}}}', { a: 1 }],
    [
      'all of it, where nothing is called so',
      '{"metrics":{"reward_mean":1},"log":"x"}',
      { metrics: { reward_mean: 1 }, log: 'x' },
    ],
  ])('is read for details: %s', (_, text, details) => {
    expect(ownResultOf(text)?.details).toEqual(details);
  });

  test('may come after other output, as the last line', () => {
    expect(ownResultOf('starting\nworking\n{"metrics":{"reward_mean":1}}\n')?.reward).toBe(1);
  });

  test('that is no JSON is no result', () => {
    expect(ownResultOf('Traceback (most recent call last)')).toBeUndefined();
  });

  test('carries what it says of an error', () => {
    expect(ownResultOf('{"success":false,"error":"no key"}')).toMatchObject({ reward: null, error: 'no key' });
  });
});
