import { describe, expect, test } from 'vitest';
import { demoJson } from '../../src/cli/demo-json.ts';
import { plain } from '../../src/cli/output.ts';
import { rolloutRow } from '../../src/cli/rollout-rows.ts';
import { summaryOf } from '../../src/cli/rollout-summary.ts';
import { runJson } from '../../src/cli/run-json.ts';
import type { TrackedRollout } from '../../src/cli/tracked-rollouts.ts';
import { invalid } from '../../src/model/errors.ts';
import type { RolloutResponse } from '../../src/model/responses.ts';

function response(fields: Partial<RolloutResponse> & { reward?: number | null }): RolloutResponse {
  const { reward = 1, ...rest } = fields;
  const earned = { outcome_reward: reward, outcome_objectives: null, event_rewards: null, details: {} };
  return {
    id: 'r1',
    trace_correlation_id: 't',
    comparison_id: null,
    deployment_id: 'd',
    deployment: 'shop',
    generation: 1,
    snapshot_id: 's',
    seed: 1,
    agent: 'codex',
    model: 'gpt-4.1-mini',
    status: 'completed',
    attempt: 1,
    success: true,
    success_status: 'success',
    status_detail: null,
    error: null,
    failure: null,
    reward_info: earned,
    metrics: { ...earned, reward_mean: reward },
    trust: 'quiesced',
    self_reported: false,
    usage: {
      llm_calls: 7,
      refused_calls: 0,
      input_tokens: 66_435,
      cached_tokens: 54_711,
      cache_write_tokens: 0,
      output_tokens: 602,
      reasoning_tokens: 0,
      cost_usd: 0.0123,
    },
    budget: null,
    timings: { queued_s: 0, provision_s: 0.5, agent_s: 12.4, evaluate_s: 0.6, total_s: 13.9 },
    resources: null,
    trace: null,
    artifact: null,
    inference_url: null,
    override_application_results: null,
    execution_metadata: {},
    attempts: [],
    created_at: '2026-01-01T00:00:00.000Z',
    closed_at: null,
    ...rest,
  };
}

const scored: TrackedRollout = { id: 'r1', seed: 1, state: 'completed', latest: response({}) };
const zero: TrackedRollout = {
  id: 'r3',
  seed: 3,
  state: 'completed',
  latest: response({ id: 'r3', seed: 3, reward: 0 }),
};
const failed: TrackedRollout = {
  id: 'r2',
  seed: 2,
  state: 'failed',
  latest: response({
    id: 'r2',
    seed: 2,
    status: 'failed',
    reward: null,
    failure: { class: 'verifier_failed', message: 'the tests ended with exit code 2' },
  }),
};
const refused: TrackedRollout = {
  id: 'r9',
  seed: 9,
  state: 'refused',
  error: invalid('env.seed', 'no task 9', 'Use 1, 2 or 3.'),
};

describe('a line of a rollout', () => {
  test('tells its phase before it has begun', () => {
    expect(rolloutRow({ id: 'x', seed: 12, state: 'waiting' }, plain).text.trimEnd()).toBe('  seed  12  waiting');
  });

  test('tells calls and tokens while it runs', () => {
    const running = { ...scored, state: 'running', startedAt: performance.now() - 5000 } as const;
    expect(rolloutRow(running, plain).text).toMatch(
      /^ {2}seed {3}1 {2}agent at work +5\.\d s +7 calls +67,037 tokens$/,
    );
  });

  test('tells what it came to', () => {
    expect(rolloutRow(scored, plain).text).toMatch(/completed +14 s .* reward 1$/);
    expect(rolloutRow(zero, plain).text).toMatch(/reward 0$/);
    expect(rolloutRow(failed, plain).text).toMatch(/failed .* verifier_failed$/);
    expect(rolloutRow(refused, plain).text).toMatch(/refused {2}env\.seed: no task 9$/);
  });
});

describe('a summary', () => {
  test('is a table, and the mean of what was earned', () => {
    expect(summaryOf([scored, zero], plain)).toEqual([
      'SEED  AGENT  STATUS     REWARD  LLM CALLS  TOKENS IN  OUT     COST  AGENT TIME  TOTAL  ROLLOUT',
      '   1  codex  completed       1          7     66,435  602  $0.0123        12 s   14 s  r1',
      '   3  codex  completed       0          7     66,435  602  $0.0123        12 s   14 s  r3',
      '',
      '2 rollouts, 2 scored, mean reward 0.5',
    ]);
  });

  test('sets several policies side by side', () => {
    const other = { id: 'r4', seed: 1, agent: 'claude-code', model: 'claude-haiku-4-5', reward: 0 };
    const lines = summaryOf(
      [
        { ...scored, policy: { label: 'codex', agent: 'codex' } },
        {
          id: 'r4',
          seed: 1,
          state: 'completed',
          policy: { label: 'claude-code:claude-haiku-4-5', agent: 'claude-code' },
          latest: response({ ...other, usage: { ...response({}).usage, cost_usd: null } }),
        },
      ],
      plain,
    );
    expect(lines).toEqual([
      'SEED  AGENT        MODEL             STATUS     REWARD  LLM CALLS  TOKENS IN  OUT     COST  AGENT TIME  TOTAL  ROLLOUT',
      '   1  codex        gpt-4.1-mini      completed       1          7     66,435  602  $0.0123        12 s   14 s  r1',
      '   1  claude-code  claude-haiku-4-5  completed       0          7     66,435  602  unknown        12 s   14 s  r4',
      '',
      'POLICY                        SCORED  MEAN REWARD  LLM CALLS  TOKENS IN  OUT     COST  MEAN AGENT TIME',
      'codex                         1 of 1            1          7     66,435  602  $0.0123             12 s',
      'claude-code:claude-haiku-4-5  1 of 1            0          7     66,435  602  unknown             12 s',
      '',
      '2 rollouts, 2 scored, mean reward 0.5',
    ]);
  });

  test('says what became of those without a number, and what to do', () => {
    const lines = summaryOf([scored, failed, refused], plain);
    expect(lines).toContain('✗ seed 2: verifier_failed: the tests ended with exit code 2');
    expect(lines.find((line) => line.includes('rollout logs'))).toContain('harbor rollout logs r2 --tests');
    expect(lines).toContain('✗ seed 9: env.seed: no task 9');
    expect(lines).toContain('    Use 1, 2 or 3.');
    expect(lines.at(-1)).toBe('3 rollouts, 1 scored, mean reward 1');
  });

  test('has no mean where nothing was earned', () => {
    expect(summaryOf([failed], plain).at(-1)).toBe('1 rollout, 0 scored, mean reward -');
  });
});

describe('the JSON of a run', () => {
  test("has the existing client's fields", () => {
    const json = runJson('shop', [scored, failed, refused]);
    expect(json).toMatchObject({ deployment_id: 'shop', total: 3, successful: 1, failed: 2, mean_reward: 1 });
    expect(json.results[0]).toMatchObject({ seed: 1, success: true, reward: 1, response: { id: 'r1' } });
    expect(json.results[1]).toMatchObject({ seed: 2, success: false, error: 'the tests ended with exit code 2' });
    expect(json.results[2]).toMatchObject({ seed: 9, success: false, error: 'env.seed: no task 9' });
  });

  test('counts a reward of 0 as earned', () => {
    expect(runJson('shop', [zero])).toMatchObject({ successful: 1, failed: 0, mean_reward: 0 });
  });

  test('never makes up a number', () => {
    const json = runJson('shop', [failed]);
    expect(json.mean_reward).toBeNull();
    expect(json.results[0]).not.toHaveProperty('reward');
  });
});

test('the JSON of the demo has a line per seed', () => {
  expect(demoJson([scored, failed])).toEqual({
    rollouts: [
      {
        seed: 1,
        agent: 'codex',
        reward: 1,
        llmCalls: 7,
        id: 'r1',
        status: 'completed',
        failure: null,
        tokens: { input: 66_435, cached: 54_711, output: 602 },
        costUsd: 0.0123,
        timings: scored.latest?.timings,
      },
      expect.objectContaining({ seed: 2, reward: null, status: 'failed', failure: failed.latest?.failure }),
    ],
  });
});
