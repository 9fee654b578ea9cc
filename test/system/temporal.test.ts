import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { runCommand } from '../../src/embedded/run-command.ts';
import { parseJson } from '../../src/model/json.ts';
import { deploy, eventually, plainDockerfile } from '../support/project.ts';
import { pythonWith } from '../support/python.ts';
import { ended, start, tidy, useServer } from '../support/running.ts';

const server = useServer();
let client: Client;

const runner = (reward: number) => `#!/bin/sh\necho '{"metrics":{"reward_mean":${reward}}}' > /tmp/result.json\n`;

beforeAll(async () => {
  client = new Client({ connection: await Connection.connect({ address: server().temporalAddress }) });
  await deploy(
    server(),
    { name: 'plain', dockerfile: plainDockerfile, entrypoint: '/app/run.sh' },
    { 'run.sh': runner(0.5) },
  );
});
afterAll(() => client.connection.close());

const outcome = z.object({ rollout_id: z.string(), status: z.string(), reward: z.number().nullable() });

/** What a person writes who has never heard of Harbor's API. */
const script = `
import asyncio, json, os, sys
from temporalio.client import Client, WorkflowFailureError

async def main():
    client = await Client.connect(sys.argv[1])
    try:
        result = await client.execute_workflow("rollout", json.loads(sys.argv[3]), id=sys.argv[2], task_queue="harbor")
    except WorkflowFailureError as error:
        result = {"type": error.cause.type, "message": error.cause.message}
    print(json.dumps(result), flush=True)
    os._exit(0)  # The SDK's native part may crash while the interpreter takes itself apart.

asyncio.run(main())
`;

async function startFromPython(id: string, input: object): Promise<string> {
  const python = await pythonWith(['temporalio==1.35.0']);
  const args = ['-c', script, server().temporalAddress, id, JSON.stringify(input)];
  return runCommand(python, args, { env: process.env, signal: AbortSignal.timeout(120_000) });
}

describe('a rollout started from Python', () => {
  test('runs, and is a rollout like any other', { timeout: 300_000 }, async () => {
    const said = await startFromPython('from-python', { deployment: 'plain', env: { seed: 3 } });
    const { rollout_id, status, reward } = parseJson(said, outcome);
    expect({ status, reward }).toEqual({ status: 'completed', reward: 0.5 });
    expect(await server().client.rollout(rollout_id)).toMatchObject({
      seed: 3,
      status: 'completed',
      deployment: 'plain',
    });
  });

  test.each([
    ['an unknown deployment', { deployment: 'nowhere' }, /deployment: there is none named nowhere/],
    ['a seed that is none', { deployment: 'plain', env: { seed: 'one' } }, /env\.seed/],
    ['no deployment', { env: { seed: 1 } }, /deployment/],
  ])('with %s is refused, naming the field', async (what, input, message) => {
    const said = await startFromPython(`refused ${what}`, input);
    expect(parseJson(said, z.object({ type: z.string(), message: z.string() }))).toEqual({
      type: 'invalid_request',
      message: expect.stringMatching(message),
    });
  });
});

describe('a rollout that another workflow owns', () => {
  test('is refused to a second one, and not disturbed by it', async () => {
    const id = await start(server(), 'plain', { env: { seed: 1 } });
    const before = await tidy(server(), id);
    const second = client.workflow.execute('rollout', {
      taskQueue: 'harbor',
      workflowId: 'second',
      args: [{ deployment: 'plain', rollout_id: id }],
    });
    await expect(second).rejects.toMatchObject({ cause: { type: 'invalid_request' } });
    expect(await server().client.rollout(id)).toEqual(before);
  });
});

describe('the Temporal UI', () => {
  test('finds a rollout by what people know of it, and tells its story', async () => {
    const id = await start(server(), 'plain', { env: { seed: 4 } });
    await ended(server(), id);
    const query = 'HarborDeployment = "plain" AND HarborStatus = "completed" AND HarborReward = 0.5';
    await eventually('the rollout to be found', async () => {
      const found = await Array.fromAsync(client.workflow.list({ query }));
      return found.some(({ workflowId }) => workflowId === `rollout/${id}`);
    });
    const handle = client.workflow.getHandle(`rollout/${id}`);
    const description = await handle.describe();
    expect(await description.staticSummary()).toBe('plain, seed 4, entrypoint');
    const metadata = await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
    expect(metadata.currentDetails).toContain('| Status | **completed** |');
    expect(metadata.currentDetails).toContain('| Reward | **0.5** |');
  });
});
