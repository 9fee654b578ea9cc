import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadRollout, planRollout } from '../../src/activities/planning.ts';
import { agentRegistry } from '../../src/agents/registry.ts';
import { rolloutRequestSchema } from '../../src/model/rollout.ts';
import type { DeploymentRow } from '../../src/store/deployments.ts';
import { readyDeployment } from '../support/deployment.ts';
import { openTestStore, type TestStore } from '../support/store.ts';

let store: TestStore;
let deployment: DeploymentRow;

beforeAll(async () => {
  store = await openTestStore();
  const settings = {
    format: 'plain',
    processes: 'kill',
    testsTimeoutSeconds: 1,
    testsEnv: {},
    sandboxEnv: {},
  } as const;
  const task = { seed: 1, instruction: 'Mend the task.', settings, testsRef: null, script: null };
  deployment = await readyDeployment(store, { name: 'tasks', tasks: [task] });
});
afterAll(() => store.close());

async function instructionFor(sections?: readonly object[]): Promise<string | null> {
  const request = rolloutRequestSchema.parse({
    env: { seed: 1 },
    policy: { config: { model: 'gpt-5-mini' } },
    ...(sections && { prompt_template: { sections } }),
  });
  const row = await store.rollouts.insert(await planRollout(store, agentRegistry, deployment, request));
  if (!row) throw new Error('it is there already');
  return (await loadRollout(store, agentRegistry, row)).plan.instruction;
}

describe('the instruction', () => {
  test('is that of the task where the request has none', async () => {
    expect(await instructionFor()).toBe('Mend the task.');
    expect(await instructionFor([])).toBe('Mend the task.');
  });

  test("is the request's own, its sections in order", async () => {
    const sections = [
      { role: 'user', content: 'Second.', order: 2 },
      { role: 'system', pattern: 'First.', order: 1 },
    ];
    expect(await instructionFor(sections)).toBe('First.\n\nSecond.');
  });

  test('has that of the task where a section stands for it', async () => {
    expect(await instructionFor([{ role: 'user', pattern: '{task}', order: 0 }])).toBe('Mend the task.');
    expect(await instructionFor([{ pattern: 'Be brief.' }, { pattern: '{task}' }])).toBe('Be brief.\n\nMend the task.');
  });
});

describe('the agent and the model', () => {
  const plan = (config: object, of = deployment) => {
    const prompt_template = { sections: [{ content: 'Do it.' }] };
    const request = rolloutRequestSchema.parse({ env: { seed: 1 }, policy: { config }, prompt_template });
    return planRollout(store, agentRegistry, of, request);
  };

  test.each([
    [{ model: 'gpt-5-mini' }, 'codex', 'gpt-5-mini'],
    [{ model: 'openai/gpt-5-mini', provider: 'openai' }, 'codex', 'gpt-5-mini'],
    [{ model: 'claude-sonnet-4-5' }, 'claude-code', 'claude-sonnet-4-5'],
    // What the command line of the existing client sends, whatever the model is.
    [{ model: 'claude-sonnet-4-5', provider: 'openai' }, 'claude-code', 'claude-sonnet-4-5'],
    [{ model: 'anthropic/claude-sonnet-4-5' }, 'claude-code', 'claude-sonnet-4-5'],
    [{ model: 'my-model', provider: 'anthropic' }, 'claude-code', 'my-model'],
    [{ model: 'claude-sonnet-4-5', agent: 'opencode' }, 'opencode', 'claude-sonnet-4-5'],
    [{ model: 'openai/gpt-5-mini', agent: 'opencode' }, 'opencode', 'gpt-5-mini'],
    [{ model: 'gpt-5-mini', agent: 'qwen-code', retries: 'own' }, 'qwen-code', 'gpt-5-mini'],
  ])('for %j are %s and %s', async (config, agent, model) => {
    expect(await plan(config)).toMatchObject({ agent, model });
  });

  test("are the deployment's where the request names no agent", async () => {
    const body = { entrypoint: 'run_rollout', metadata: { agent_type: 'opencode' } };
    const other = await readyDeployment(store, { name: 'with-agent', body });
    expect(await plan({ model: 'gpt-5-mini' }, other)).toMatchObject({ agent: 'opencode' });
  });

  test.each([
    [{}, 'policy.config.model', /is missing/],
    [{ model: 'gpt-5-mini', agent: 'cursor' }, 'policy.config.agent', /cursor is not an agent here/],
    [{ model: 'claude-sonnet-4-5', agent: 'codex' }, 'policy.config.model', /codex cannot run claude-sonnet-4-5/],
    [{ model: 'gpt-5-mini', agent: 'claude-code' }, 'policy.config.model', /claude-code cannot run gpt-5-mini/],
    [{ model: 'gpt-5-mini', retries: 3 }, 'policy.config.retries', /must be "own"/],
    [{ model: 'gpt-5-mini', reasoning_effort: 'very high' }, 'policy.config.reasoning_effort', /must be a word/],
  ])('of %j are refused, naming %s', async (config, field, message) => {
    const refused = { failureClass: 'invalid_request', field, message: expect.stringMatching(message) };
    await expect(plan(config)).rejects.toMatchObject(refused);
  });

  test.each([
    [{ model: 'nobody-knows-it', agent: 'codex' }, { usd: 1 }, /nobody-knows-it has no known price/],
    [{}, { usd: 1 }, /no model is named/],
  ])('of %j with the budget %j are refused, as dollars cannot be bounded', async (config, budget, message) => {
    const own = await readyDeployment(store, {
      name: `priced-${Object.keys(config).length}`,
      body: { entrypoint: '/run.sh' },
    });
    const request = rolloutRequestSchema.parse({ env: { seed: 1 }, policy: { config }, limits: { budget } });
    const refused = {
      failureClass: 'invalid_request',
      field: 'limits.budget.usd',
      message: expect.stringMatching(message),
    };
    await expect(planRollout(store, agentRegistry, own, request)).rejects.toMatchObject(refused);
  });

  test.each([
    [{ model: 'gpt-5-mini' }, { usd: 1, tokens: 1000, calls: 3 }],
    [{ model: 'nobody-knows-it' }, { tokens: 1000 }],
  ])('of %j may have the budget %j', async (config, budget) => {
    const own = await readyDeployment(store, { name: `bounded-${config.model}`, body: { entrypoint: '/run.sh' } });
    const request = rolloutRequestSchema.parse({ env: { seed: 1 }, policy: { config }, limits: { budget } });
    expect(await planRollout(store, agentRegistry, own, request)).toMatchObject({ request: { limits: { budget } } });
  });

  test("are handed on unread to an image's own entrypoint", async () => {
    const other = await readyDeployment(store, { name: 'own', body: { entrypoint: '/run.sh' } });
    const config = { model: 'anything', agent: 'theirs', retries: 3 };
    expect(await plan(config, other)).toMatchObject({ agent: 'entrypoint', model: 'anything' });
  });
});
