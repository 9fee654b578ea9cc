import { describe, expect, test } from 'vitest';
import { outcomeOf, rewardsOf } from '../../src/activities/rewards.ts';
import type { FailureClass } from '../../src/model/failures.ts';

const files = (entries: Record<string, string>): ReadonlyMap<string, Buffer> =>
  new Map(Object.entries(entries).map(([name, text]) => [name, Buffer.from(text)]));

const junit = '<testsuites><testsuite tests="4" failures="1" errors="0" skipped="1"/></testsuites>';
const ctrf = '{"results":{"tool":{"name":"pytest"},"summary":{"tests":4,"passed":3,"failed":1}}}';

describe('the verdict of a plain task', () => {
  test.each<[string, Record<string, string>, number, number]>([
    ['reward.json wins over all else', { 'reward.json': '{"reward":0.5}', 'reward.txt': '1', 'r.xml': junit }, 0, 0.5],
    ['reward.txt wins over reports', { 'reward.txt': ' 0.25\n', 'r.xml': junit }, 0, 0.25],
    ['JUnit XML counts the share that passed, without the skipped', { 'r.xml': junit }, 1, 2 / 3],
    ['a single JUnit suite too', { 'r.xml': '<testsuite tests="2" failures="1"/>' }, 1, 0.5],
    ['CTRF counts the share that passed', { 'ctrf.json': ctrf }, 1, 0.75],
    ['a report without a test is none', { 'r.xml': '<testsuites/>' }, 0, 1],
    ['exit code 0 is 1', {}, 0, 1],
    ['exit code 1 is 0', {}, 1, 0],
    ['a negative number is a number', { 'reward.txt': '-1' }, 0, -1],
  ])('%s', (_, entries, exitCode, reward) => {
    expect(outcomeOf(rewardsOf(files(entries), 'plain', exitCode))).toBeCloseTo(reward);
  });
});

describe('the verdict of a task with a task.toml', () => {
  test('is what the reward file says, whatever the exit code', () => {
    expect(rewardsOf(files({ 'reward.txt': '1' }), 'task.toml', 7)).toEqual({ reward: 1 });
  });

  test('may have several names', () => {
    expect(rewardsOf(files({ 'reward.json': '{"style":1,"speed":0}' }), 'task.toml', 0)).toEqual({
      style: 1,
      speed: 0,
    });
  });
});

describe('the number that counts', () => {
  test.each<[string, Record<string, number>, number]>([
    ['the one called reward', { reward: 0.2, style: 1 }, 0.2],
    ['the only one', { style: 0.7 }, 0.7],
    ['the mean of several', { style: 1, speed: 0 }, 0.5],
  ])('is %s', (_, rewards, outcome) => expect(outcomeOf(rewards)).toBeCloseTo(outcome));
});

describe('no verdict', () => {
  test.each<[string, Record<string, string>, 'plain' | 'task.toml', number, FailureClass]>([
    ['no reward file beside a task.toml, though the exit code is 0', {}, 'task.toml', 0, 'no_reward'],
    ['a report beside a task.toml is no verdict', { 'r.xml': junit }, 'task.toml', 0, 'no_reward'],
    ['an exit code that is neither 0 nor 1', {}, 'plain', 127, 'verifier_failed'],
    ['reward.txt that is empty', { 'reward.txt': '' }, 'plain', 0, 'verifier_failed'],
    ['reward.txt that is no number', { 'reward.txt': 'pass' }, 'plain', 0, 'verifier_failed'],
    ['reward.txt that is not finite', { 'reward.txt': 'NaN' }, 'plain', 0, 'verifier_failed'],
    ['reward.json that is no JSON', { 'reward.json': '{' }, 'plain', 0, 'verifier_failed'],
    ['reward.json without a number', { 'reward.json': '{}' }, 'plain', 0, 'verifier_failed'],
    ['reward.json with something else in it', { 'reward.json': '{"reward":"1"}' }, 'plain', 0, 'verifier_failed'],
  ])('%s', (_, entries, format, exitCode, failureClass) => {
    expect(() => rewardsOf(files(entries), format, exitCode)).toThrow(expect.objectContaining({ failureClass }));
  });
});
