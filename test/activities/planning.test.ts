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

describe('the agent', () => {
  const planned = (config: object) => {
    const request = rolloutRequestSchema.parse({ env: { seed: 1 }, policy: { config } });
    return planRollout(store, agentRegistry, deployment, request);
  };

  test.each([
    [{ model: 'gpt-5-mini' }, 'codex'],
    [{ model: 'claude-sonnet-4-5' }, 'claude-code'],
    // What the command line of the existing client sends, whatever the model is.
    [{ model: 'claude-sonnet-4-5', provider: 'openai' }, 'claude-code'],
    [{ model: 'openai/gpt-5-mini', provider: 'openai' }, 'codex'],
  ])('for %j is %s', async (config, agent) => {
    expect(await planned(config)).toMatchObject({ agent });
  });
});
