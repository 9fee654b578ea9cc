import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadBodies } from '../../../src/api/trace-bodies.ts';
import type { Json } from '../../../src/model/json.ts';
import { writeTrajectory } from '../../../src/trace/atif/write-trajectory.ts';
import { type TestInterceptor, startTestInterceptor, temporaryFolder } from '../../interceptor/support/interceptor.ts';
import { endAttempt } from '../../interceptor/support/projection.ts';
import { runClaude } from '../../interceptor/support/run-claude.ts';
import { runCodex } from '../../interceptor/support/run-codex.ts';
import { call, readTrajectory, textOf, validate } from './support.ts';

const script = {
  turns: [
    { say: 'I make the file.', run: 'printf hi > hello.txt && echo made' },
    { run: 'printf ", there" >> hello.txt' },
    { say: 'hello.txt is there.' },
  ],
};

async function written(text: string): Promise<string> {
  const file = join(await temporaryFolder(), 'trajectory.json');
  await writeFile(file, text);
  return file;
}

/** What an agent's calls amount to. */
async function trajectoryOf(interceptor: TestInterceptor, agent: string): Promise<string> {
  const { calls, blobs } = await endAttempt(interceptor);
  const subject = { rolloutId: 'rollout-1', attempt: 1, agent, model: null, extra: { reward: 1 } };
  let text = '';
  const load = (one: (typeof calls)[number]) => loadBodies(blobs, one);
  for await (const piece of writeTrajectory(subject, { calls, load })) text += piece;
  return text;
}

describe('the format’s own validator takes the trajectory', () => {
  test.each([
    ['codex', 'gpt-4.1-mini', runCodex],
    ['codex in its code mode', 'gpt-6-astra', runCodex],
    ['Claude Code', 'claude-sonnet-4-20250514', runClaude],
  ])('of the real %s', async (name, model, run) => {
    const interceptor = await startTestInterceptor();
    await run(interceptor, await interceptor.grant({ script }), model);
    const text = await trajectoryOf(interceptor, name);
    await expect(validate([await written(text)])).resolves.toBeUndefined();
    const { steps, agent, extra, subagent_trajectories: subs, final_metrics } = readTrajectory(text);
    const { calls } = await endAttempt(interceptor);
    expect(final_metrics).toMatchObject({
      total_prompt_tokens: calls.reduce((sum, { usage }) => sum + (usage?.inputTokens ?? 0), 0),
      total_cost_usd: 0,
    });
    expect({ subs, others: extra.other_calls }).toEqual({ subs: undefined, others: undefined });
    expect(agent.tool_definitions?.length).toBeGreaterThan(3);
    const own = steps.filter(({ source }) => source === 'agent');
    expect(own).toMatchObject([
      { message: 'I make the file.', tool_calls: [{}], observation: { results: [{}] } },
      { message: '', tool_calls: [{}], observation: { results: [{}] } },
      { message: 'hello.txt is there.' },
    ]);
    expect(own[0]?.observation?.results[0]?.content).toContain('made');
    // All that the agent tells its model comes before the first answer, and each thing once.
    expect(steps.slice(-3)).toEqual(own);
    expect(new Set(steps.map(({ message }) => message)).size).toBe(steps.length);
    expect(steps.at(-4)).toMatchObject({ source: 'user', message: 'Make hello.txt.' });
  });

  test('of edge cases', async () => {
    const user = { role: 'user', content: 'Go.' };
    const bash = { id: 'a', function: { name: 'bash', arguments: 'no JSON' } };
    const said = { role: 'assistant', content: null, tool_calls: [bash, { ...bash, id: '' }, bash] };
    const result = { role: 'tool', tool_call_id: 'a', content: [{ type: 'image_url' }] };
    const tools: Json = [
      { type: 'web_search' },
      { type: 'custom', name: 'patch' },
      { type: 'function', function: { name: 'x' } },
    ];
    const tokens = {
      prompt_token_ids: [1],
      choices: [{ message: said, token_ids: [2], logprobs: { content: [{ logprob: -1 }] } }],
    };
    const failed = { status: 'http_error', error: 'no', usage: null, costUsd: null } as const;
    const documents = await Promise.all([
      textOf([]),
      textOf([call(null, null)]),
      textOf([call({ messages: [user] }, null, failed)]),
      textOf([call({ messages: [result] }, tokens)]),
      textOf(
        [
          call({ messages: [said, result, user], tools }, tokens, { attempt: 1, costUsd: null }),
          call({ messages: [user] }, tokens, { attempt: 2 }),
          call({ messages: [user] }, tokens, { attempt: 2, endedAt: null }),
        ],
        { attempt: 2 },
      ),
    ]);
    await expect(validate(await Promise.all(documents.map(written)))).resolves.toBeUndefined();
  });
});

test('the validator refuses what is no trajectory', async () => {
  await expect(validate([await written('{"schema_version":"ATIF-v1.8","steps":[]}')])).rejects.toThrow('agent');
});
