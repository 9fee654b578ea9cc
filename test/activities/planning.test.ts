import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { planRollout } from '../../src/activities/planning.ts';
import { agentRegistry } from '../../src/agents/registry.ts';
import { rolloutRequestSchema } from '../../src/model/rollout.ts';
import type { DeploymentRow } from '../../src/store/deployments.ts';
import { readyDeployment } from '../support/deployment.ts';
import { openTestStore, type TestStore } from '../support/store.ts';

let store: TestStore;
let plain: DeploymentRow;
beforeAll(async () => {
  store = await openTestStore();
  plain = await readyDeployment(store, { name: 'plain', body: { entrypoint: 'run_rollout' } });
});
afterAll(() => store.close());

function plan(config: object, deployment = plain) {
  const prompt_template = { sections: [{ content: 'Do it.' }] };
  const request = rolloutRequestSchema.parse({ policy: { config }, prompt_template });
  return planRollout(store, agentRegistry, deployment, request);
}

describe('the agent and the model of a request', () => {
  test.each([
    [{ model: 'gpt-5-mini' }, 'codex', 'gpt-5-mini'],
    [{ model: 'openai/gpt-5-mini' }, 'codex', 'gpt-5-mini'],
    [{ model: 'claude-sonnet-4-5' }, 'claude-code', 'claude-sonnet-4-5'],
    [{ model: 'anthropic/claude-sonnet-4-5' }, 'claude-code', 'claude-sonnet-4-5'],
    [{ model: 'my-model', provider: 'anthropic' }, 'claude-code', 'my-model'],
    [{ model: 'claude-sonnet-4-5', agent: 'opencode' }, 'opencode', 'claude-sonnet-4-5'],
    [{ model: 'openai/gpt-5-mini', agent: 'opencode' }, 'opencode', 'gpt-5-mini'],
    [{ model: 'gpt-5-mini', agent: 'qwen-code', retries: 'own' }, 'qwen-code', 'gpt-5-mini'],
  ])('%j is for %s with %s', async (config, agent, model) => {
    expect(await plan(config)).toMatchObject({ agent, model });
  });

  test("come from the deployment's metadata where the request names no agent", async () => {
    const body = { entrypoint: 'run_rollout', metadata: { agent_type: 'opencode' } };
    const deployment = await readyDeployment(store, { name: 'with-agent', body });
    expect(await plan({ model: 'gpt-5-mini' }, deployment)).toMatchObject({ agent: 'opencode' });
  });

  test.each([
    [{}, 'policy.config.model', /is missing/],
    [{ model: 'gpt-5-mini', agent: 'cursor' }, 'policy.config.agent', /cursor is not an agent here/],
    [{ model: 'claude-sonnet-4-5', agent: 'codex' }, 'policy.config.model', /codex cannot run claude-sonnet-4-5/],
    [{ model: 'gpt-5-mini', agent: 'claude-code' }, 'policy.config.model', /claude-code cannot run gpt-5-mini/],
    [{ model: 'gpt-5-mini', retries: 3 }, 'policy.config.retries', /must be "own"/],
    [{ model: 'gpt-5-mini', reasoning_effort: 'very high' }, 'policy.config.reasoning_effort', /must be a word/],
  ])('%j is refused, naming %s', async (config, field, message) => {
    const refused = { failureClass: 'invalid_request', field, message: expect.stringMatching(message) };
    await expect(plan(config)).rejects.toMatchObject(refused);
  });

  test("are handed on unread to an image's own entrypoint", async () => {
    const deployment = await readyDeployment(store, { name: 'own', body: { entrypoint: '/run.sh' } });
    const config = { model: 'anything', agent: 'theirs', retries: 3 };
    expect(await plan(config, deployment)).toMatchObject({ agent: 'entrypoint', model: 'anything' });
  });
});
