import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { agentRegistry } from '../../src/agents/registry.ts';
import { built, uploadFolder } from '../support/project.ts';
import { ended, start, useServer } from '../support/running.ts';

const server = useServer();
const example = fileURLToPath(new URL('../../examples/fix-the-bugs', import.meta.url));

beforeAll(async () => {
  await built(server(), await uploadFolder(server(), { name: 'fix-the-bugs' }, example));
});

/** What the scripts of the three tasks come to: the third mends what is to be seen, not what is wrong. */
const scripted = [
  { seed: 1, reward_info: { outcome_reward: 1 }, usage: { llm_calls: 7 } },
  { seed: 2, reward_info: { outcome_reward: 1 }, usage: { llm_calls: 5 } },
  { seed: 3, reward_info: { outcome_reward: 0 }, usage: { llm_calls: 6 } },
];

describe.each(agentRegistry.names)('%s', (agent) => {
  test('earns what the script is worth, seeing nothing but its model', { timeout: 300_000 }, async () => {
    const model = agentRegistry.byName(agent)?.defaultModel ?? '';
    const ids: string[] = [];
    for (const { seed } of scripted) {
      const policy = { config: { agent, model } };
      ids.push(await start(server(), 'fix-the-bugs', { env: { seed }, policy, egress: { agent: 'interceptor-only' } }));
    }
    const rollouts = await Promise.all(ids.map((id) => ended(server(), id, 240)));
    const outcome = { agent, model, status: 'completed', failure: null };
    expect(rollouts).toMatchObject(scripted.map((row) => ({ ...row, ...outcome })));
  });
});
