import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parseJson } from '../../src/model/json.ts';
import { ledgerLineSchema } from '../../src/model/ledger-responses.ts';
import { rolloutSchema } from '../../src/model/responses.ts';
import { resumingEvents } from '../../src/sdk/events.ts';
import { reconnecting } from '../../src/sdk/reconnecting.ts';
import { built, deploy, uploadFolder } from '../support/project.ts';
import { useServer } from '../support/running.ts';
import { batchResults, linesOf } from '../support/batch-results.ts';

const server = useServer();
const example = fileURLToPath(new URL('../../examples/fix-the-bugs', import.meta.url));
test('a batch of several policies and samples with a real agent', { timeout: 300_000 }, async () => {
  const { client } = server();
  const { id: deployment } = await built(
    server(),
    await uploadFolder(server(), { name: 'fix-the-bugs', limits: { cpu_cores: 1, memory_mb: 512 } }, example),
  );
  const policies = ['gpt-5-mini', 'gpt-5'].map((model) => ({ config: { agent: 'codex', model } }));
  const { id } = await client.startBatch(deployment, {
    seeds: [2, 3],
    samples: 2,
    policies,
    concurrency: 4,
    egress: { agent: 'interceptor-only' },
    budget: { usd: 1, calls: 500 },
  });
  const open = (after: number) => client.batchEvents(id, { after });
  const events = await Array.fromAsync(resumingEvents(open, reconnecting()));

  // Of the two tasks' scripts one is worth 1 and takes 5 calls, the other 0 and 6.
  expect(events.at(-1)).toMatchObject({
    type: 'end',
    batch: {
      status: 'completed',
      stop_reason: null,
      counts: { scored: 8, failed: {}, not_started: 0 },
      mean_reward: 0.5,
      policies: ['gpt-5-mini', 'gpt-5'].map((model) => ({
        model,
        agent: 'codex',
        scored: 4,
        mean_reward: 0.5,
        pass_at: { 1: 0.5, 2: 0.5 },
      })),
      attempts: 8,
      llm_calls: 44,
      cost_usd: 0,
    },
  });
  const kept = events.flatMap((event) => (event.type === 'rollout' || event.type === 'batch' ? [event.seq] : []));
  expect(kept).toEqual(Array.from({ length: kept.length }, (_, index) => index + 1));
  const ended = events.filter((event) => event.type === 'rollout' && event.status === 'completed');
  expect(ended).toHaveLength(8);

  const results = await batchResults(client, id);
  expect(results.map(({ seed, sample, policy, reward }) => [seed, sample, policy, reward])).toEqual([
    [2, 0, 0, 1],
    [2, 0, 1, 1],
    [3, 0, 0, 0],
    [3, 0, 1, 0],
    [2, 1, 0, 1],
    [2, 1, 1, 1],
    [3, 1, 0, 0],
    [3, 1, 1, 0],
  ]);
  const [books, ...entries] = (await linesOf(client.batchLedgerLines(id))).map((line) =>
    parseJson(line, ledgerLineSchema),
  );
  expect(books).toMatchObject({ infrastructure_loss_rate: 0, balances: true, llm_calls: 44, llm_calls_in_results: 44 });
  expect(entries.filter(({ type }) => type === 'rollout')).toHaveLength(8);
  expect(entries.filter(({ type }) => type === 'call')).toHaveLength(44);
});

/** Ten seeds, six at a time, each its own POST that waits for its result: how the existing client's scripts evaluate. */
test('seeds that are each their own request come to the same', { timeout: 300_000 }, async () => {
  const program = `#!/bin/sh
[ $((HARBOR_SEED % 2)) = 0 ] && reward=1 || reward=0
echo "{\\"metrics\\": {\\"reward_mean\\": $reward}}" > /tmp/result.json
`;
  const { id } = await deploy(
    server(),
    {
      name: 'scripts',
      dockerfile: 'FROM debian:bookworm-slim\nCOPY run_rollout.sh /usr/local/bin/run_rollout\nWORKDIR /work\n',
      limits: { cpu_cores: 1, memory_mb: 512 },
    },
    { 'run_rollout.sh': program },
  );
  const { url, apiKey } = server();
  const rewards = new Map<number, number | null>();
  const seeds = Array.from({ length: 10 }, (_, seed) => seed).values();
  const worker = async (): Promise<void> => {
    for (const seed of seeds) {
      const answer = await fetch(`${url}/api/harbor/deployments/${id}/rollout`, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
        // All with the same trace_correlation_id, as they do.
        body: JSON.stringify({
          trace_correlation_id: 'eval',
          env: { seed },
          policy: { config: { model: 'gpt-4o-mini' } },
        }),
      });
      expect(answer.status).toBe(200);
      rewards.set(seed, parseJson(await answer.text(), rolloutSchema).reward_info.outcome_reward);
    }
  };
  await Promise.all(Array.from({ length: 6 }, worker));
  expect([...rewards].toSorted(([one], [other]) => one - other)).toEqual(
    Array.from({ length: 10 }, (_, seed) => [seed, seed % 2 === 0 ? 1 : 0]),
  );
  const rollouts = await server().client.rollouts({ deployment: id });
  expect(new Set(rollouts.map((rollout) => rollout.id)).size).toBe(10);
});
