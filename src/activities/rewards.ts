import { XMLParser } from 'fast-xml-parser';
import { z } from 'zod';
import { HarborError } from '../model/errors.ts';
import { parseJson, tryParseJson } from '../model/json.ts';
import type { TaskSettings } from '../model/task.ts';

export type Rewards = Readonly<Record<string, number>>;

const finite = z.number().refine(Number.isFinite, 'is not a finite number');
const rewardJson = z.record(z.string(), finite).refine((all) => Object.keys(all).length > 0, 'holds no number');

/**
 * What the tests said, by the files in their verdict folder and, for plain tasks alone, by their exit code. In this
 * order: reward.json (several named numbers), reward.txt (one), JUnit XML or CTRF (share of tests that passed), exit code
 * (0: 1, 1: 0). Throws `verifier_failed` for a verdict that cannot be read, `no_reward` where there is none.
 */
export function rewardsOf(
  files: ReadonlyMap<string, Buffer>,
  format: TaskSettings['format'],
  exitCode: number,
): Rewards {
  const json = files.get('reward.json');
  if (json) return readable('reward.json', () => parseJson(json.toString('utf8'), rewardJson, 'reward.json'));
  const text = files.get('reward.txt');
  if (text) return { reward: readable('reward.txt', () => numberOf(text.toString('utf8'))) };
  if (format === 'task.toml') {
    throw new HarborError(
      'no_reward',
      `the tests (exit code ${exitCode}) left neither reward.json nor reward.txt in /logs/verifier`,
    );
  }
  return reportOf(files) ?? fromExitCode(exitCode);
}

/** The number that counts: `reward`, or the only one there is, or the mean of all. */
export function outcomeOf(rewards: Rewards): number {
  const values = Object.values(rewards);
  return rewards['reward'] ?? values.reduce((sum, value) => sum + value, 0) / values.length;
}

function numberOf(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) throw new Error(`holds "${text.trim().slice(0, 40)}", not a finite number`);
  return value;
}

function fromExitCode(exitCode: number): Rewards {
  if (exitCode === 0) return { reward: 1 };
  if (exitCode === 1) return { reward: 0 };
  throw new HarborError('verifier_failed', `the tests ended with exit code ${exitCode}; only 0 and 1 are verdicts`);
}

function reportOf(files: ReadonlyMap<string, Buffer>): Rewards | undefined {
  for (const [name, content] of files) {
    const text = content.toString('utf8');
    const counts = name.endsWith('.xml') ? junitCounts(text) : name.endsWith('.json') ? ctrfCounts(text) : undefined;
    if (counts && counts.passed + counts.failed > 0) {
      return {
        reward: counts.passed / (counts.passed + counts.failed),
        tests_passed: counts.passed,
        tests_failed: counts.failed,
      };
    }
  }
  return undefined;
}

interface Counts {
  readonly passed: number;
  readonly failed: number;
}

const count = z.coerce.number().int().nonnegative().default(0);
const suite = z.object({ tests: count, failures: count, errors: count, skipped: count });
const suites = z.union([z.array(suite), suite.transform((one) => [one])]);
const junit = z.union([
  z.object({ testsuites: z.object({ testsuite: suites }) }).transform(({ testsuites }) => testsuites.testsuite),
  z.object({ testsuite: suites }).transform(({ testsuite }) => testsuite),
]);

function junitCounts(xml: string): Counts | undefined {
  const parser = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '', processEntities: false });
  const parsed = junit.safeParse(parser.parse(xml));
  if (!parsed.success) return undefined;
  return parsed.data.reduce<Counts>(
    ({ passed, failed }, { tests, failures, errors, skipped }) => ({
      passed: passed + Math.max(0, tests - failures - errors - skipped),
      failed: failed + failures + errors,
    }),
    { passed: 0, failed: 0 },
  );
}

/** Common Test Report Format: https://ctrf.io */
const ctrf = z.object({ results: z.object({ summary: z.object({ passed: count, failed: count }) }) });

function ctrfCounts(json: string): Counts | undefined {
  return tryParseJson(json, ctrf)?.results.summary;
}

function readable<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new HarborError('verifier_failed', `the tests' ${file} ${error instanceof Error ? error.message : ''}`, {
      cause: error,
    });
  }
}
