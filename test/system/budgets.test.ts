import { text } from 'node:stream/consumers';
import { beforeAll, expect, test } from 'vitest';
import { plain } from '../../src/cli/output.ts';
import { renderTrace } from '../../src/cli/trace/render-trace.ts';
import { deploy } from '../support/project.ts';
import { rollOut, useServer } from '../support/running.ts';

const server = useServer();

/** Would make three calls, and has done half of its task with the first. */
const script = { turns: [{ run: 'echo half > answer' }, { run: 'echo whole > answer' }, { say: 'Done.' }] };
const judge = `#!/bin/sh
mkdir -p /logs/verifier
case $(cat /app/answer) in half) echo 0.5 ;; whole) echo 1 ;; esac > /logs/verifier/reward.txt
echo judged
`;

beforeAll(async () => {
  await deploy(
    server(),
    { name: 'bounded', dockerfile: 'FROM debian:bookworm-slim\nWORKDIR /app\n' },
    {
      'tasks/1/instruction.md': 'Write the answer.',
      'tasks/1/tests/test.sh': judge,
      'tasks/1/solution/model-script.json': JSON.stringify(script),
    },
  );
});

const run = (budget: object) =>
  rollOut(server(), 'bounded', {
    env: { seed: 1 },
    policy: { config: { agent: 'codex', model: 'gpt-4.1-mini' } },
    limits: { budget },
  });

test('an agent whose budget is used up is stopped, and judged by what it has done', { timeout: 120_000 }, async () => {
  const rollout = await run({ calls: 1 });
  const message = `The budget rollout/${rollout.id} of 1 calls is used up: 1 calls are spent, and this call may take up to 1 calls.`;
  expect(rollout).toMatchObject({
    status: 'completed',
    failure: { class: 'budget_exhausted', message },
    reward_info: { outcome_reward: 0.5 },
    trust: 'quiesced',
    budget: { calls: 1 },
    usage: { llm_calls: 1, refused_calls: 1, cost_usd: 0 },
    attempts: [{ attempt: 1 }],
    trace: {
      calls: [
        { status: 'ok', http_status: 200 },
        { status: 'refused', http_status: 400, usage: null, cost_usd: null, error: message },
      ],
    },
  });
  const { client } = server();
  expect(await text(client.rolloutLog(rollout.id, { stream: 'tests' }))).toBe('judged\n');

  const calls = await Array.fromAsync(client.trace(rollout.id));
  expect(calls[1]).toMatchObject({ status: 'refused', response: { error: { code: 'budget_exhausted', message } } });
  // What came of the first call is in the second's request, so that the trace tells the whole story.
  expect(JSON.stringify(calls[1]?.request)).toContain('echo half > answer');
  const shown = await Array.fromAsync(renderTrace(client.trace(rollout.id), { paint: plain, full: false }));
  expect(shown).toContain(`✗ refused (400): ${message}`);
});

test('a budget that holds for all of it changes nothing', { timeout: 120_000 }, async () => {
  const rollout = await run({ calls: 3, usd: 0.01 });
  expect(rollout).toMatchObject({
    failure: null,
    reward_info: { outcome_reward: 1 },
    budget: { calls: 3, usd: 0.01 },
    usage: { llm_calls: 3, refused_calls: 0 },
  });
});
