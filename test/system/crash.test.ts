import { rm } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { containersOf, docker, execIn, removeEverything, runningContainersOf, stateOf } from '../support/engine.ts';
import { deploy, eventually, plainDockerfile } from '../support/project.ts';
import { makeHome, startServer, type TestServer } from '../support/server.ts';

/** Counts its own starts, then works until it is told to end. */
const runner = `#!/bin/sh
echo start >> /app/starts
echo "started with $HARBOR_SEED"
while [ ! -e /app/finish ]; do sleep 0.1; done
echo "finished"
printf '{"metrics":{"reward_mean":%s}}' "$(grep -c start /app/starts)" > /tmp/result.json
`;

/** Count their own starts, then work until they are told to end. */
const patientTests = `#!/bin/sh
echo start >> /app/tested
echo "testing"
while [ ! -e /app/tests-finish ]; do sleep 0.1; done
echo "tested"
printf '{"starts":%s}' "$(grep -c start /app/tested)" > /logs/verifier/reward.json
`;

let home: string;
let server: TestServer;

beforeAll(async () => {
  home = await makeHome();
  server = await startServer(home);
  await deploy(
    server,
    { name: 'patient', dockerfile: plainDockerfile, entrypoint: '/app/run.sh' },
    { 'run.sh': runner },
  );
  await deploy(
    server,
    { name: 'judged', dockerfile: 'FROM debian:bookworm-slim\nWORKDIR /app\nCOPY app/ .\n', entrypoint: '/app/run.sh' },
    {
      'app/run.sh': '#!/bin/sh\necho done > answer\n',
      'tasks/1/instruction.md': 'Never mind.',
      'tasks/1/tests/test.sh': patientTests,
    },
  );
});

afterAll(async () => {
  await server.kill('SIGTERM');
  await removeEverything(server.installation.id);
  await rm(home, { recursive: true, force: true });
});

async function startAndWaitForAgent(rolloutId: string): Promise<string> {
  await server.client.startRollout('patient', { rollout_id: rolloutId, env: { seed: 7 } });
  return eventually('the agent to start', async () => {
    const [container] = (await runningContainersOf(server.installation.id)).filter((name) => name.includes(rolloutId));
    return container && (await execIn(container, 'cat /app/starts 2>/dev/null || true')) === 'start' && container;
  });
}

async function finish(container: string, rolloutId: string) {
  await execIn(container, 'touch /app/finish');
  await eventually('the rollout to end', async () => (await server.client.rollout(rolloutId)).closed_at !== null);
  return server.client.rollout(rolloutId);
}

describe('harbor up killed while an agent works', () => {
  test('goes on with the same agent after a restart, and leaves no container', async () => {
    const container = await startAndWaitForAgent('killed');
    await server.kill('SIGKILL');
    expect(await stateOf(container)).toBe('running');

    server = await startServer(home);
    const rollout = await finish(container, 'killed');

    expect(rollout).toMatchObject({
      status: 'completed',
      attempts: [{ attempt: 1, failure: null }],
      reward_info: { outcome_reward: 1 },
    });
    expect(await text(server.client.rolloutLog('killed'))).toBe('started with 7\nfinished\n');
    await eventually('the sandbox to be gone', async () => (await containersOf(server.installation.id)).length === 0);
  });
});

describe('harbor up killed while the tests run', () => {
  test('goes on with the same tests after a restart, and ends none of them', async () => {
    await server.client.startRollout('judged', { rollout_id: 'tested', env: { seed: 1 } });
    const container = await testsIn('tested', 1);
    await server.kill('SIGKILL');
    server = await startServer(home);
    await eventually(
      'another worker to follow them',
      async () => (await execIn(container, 'cat /.harbor/tests-*/wake | wc -l')).trim() === '2',
    );
    await execIn(container, 'touch /app/tests-finish');
    await eventually('the rollout to end', async () => (await server.client.rollout('tested')).closed_at !== null);
    expect(await server.client.rollout('tested')).toMatchObject({
      status: 'completed',
      trust: 'quiesced',
      attempts: [{ attempt: 1, failure: null }],
      reward_info: { outcome_objectives: { starts: 1 } },
    });
    expect(await text(server.client.rolloutLog('tested', { stream: 'tests' }))).toBe('testing\ntested\n');
  });
});

/** The sandbox of an attempt in which the tests of a rollout have begun, once. */
const testsIn = (rolloutId: string, attempt: number) =>
  eventually('the tests to start', async () => {
    const running = await runningContainersOf(server.installation.id);
    const box = running.find((name) => name.includes(`-${rolloutId}-a${attempt}-`));
    return box && (await execIn(box, 'cat /app/tested 2>/dev/null || true')) === 'start' && box;
  });

describe('tests whose sandbox was started anew beneath them', () => {
  test('did not fail: they are run again in another attempt', { timeout: 120_000 }, async () => {
    await server.client.startRollout('judged', { rollout_id: 'anew', env: { seed: 1 } });
    const container = await testsIn('anew', 1);
    await server.kill('SIGKILL');
    await docker('restart', '--time', '0', container);
    server = await startServer(home);
    await execIn(await testsIn('anew', 2), 'touch /app/tests-finish');
    await eventually('the rollout to end', async () => (await server.client.rollout('anew')).closed_at !== null);
    expect(await server.client.rollout('anew')).toMatchObject({
      status: 'completed',
      attempts: [
        { attempt: 1, failure: { class: 'sandbox_lost', message: expect.stringContaining('started anew') } },
        { attempt: 2, failure: null },
      ],
      reward_info: { outcome_objectives: { starts: 1 } },
    });
    await eventually('the sandbox to be gone', async () => (await containersOf(server.installation.id)).length === 0);
  });
});

describe('harbor up killed while a caller waits for a rollout with a key', () => {
  test('lets the caller ask again for the same rollout, and get its result', async () => {
    const ask = () =>
      fetch(`${server.url}/api/harbor/deployments/patient/rollout`, {
        method: 'POST',
        headers: { authorization: `Bearer ${server.apiKey}`, 'idempotency-key': 'asked-twice' },
        body: JSON.stringify({ env: { seed: 8 } }),
      });
    const first = ask().then(
      ({ status }) => `answered with ${status}`,
      () => 'cut off',
    );
    const container = await eventually('the agent to start', async () => {
      const [only] = await runningContainersOf(server.installation.id);
      return only && (await execIn(only, 'cat /app/starts 2>/dev/null || true')) === 'start' && only;
    });
    await server.kill('SIGKILL');
    expect(await first).toBe('cut off');

    server = await startServer(home);
    const again = ask();
    await execIn(container, 'touch /app/finish');
    expect(await (await again).json()).toMatchObject({ status: 'completed', reward_info: { outcome_reward: 1 } });
    const rollouts = await server.client.rollouts({ deployment: 'patient' });
    expect(rollouts.filter(({ seed }) => seed === 8)).toHaveLength(1);
    await eventually('the sandbox to be gone', async () => (await containersOf(server.installation.id)).length === 0);
  });
});

describe('harbor up ended in an orderly way while an agent works', () => {
  test('pauses the sandbox, ends its children, and goes on after the next start', async () => {
    const container = await startAndWaitForAgent('stopped');
    await server.kill('SIGINT');
    expect(await stateOf(container)).toBe('paused');
    await expect(fetch(`http://${server.temporalAddress}`)).rejects.toThrow('fetch failed');

    server = await startServer(home);
    await eventually('the sandbox to run again', async () => (await stateOf(container)) === 'running');
    const rollout = await finish(container, 'stopped');

    expect(rollout).toMatchObject({
      status: 'completed',
      attempts: [{ attempt: 1, failure: null }],
      reward_info: { outcome_reward: 1 },
    });
    await eventually('the sandbox to be gone', async () => (await containersOf(server.installation.id)).length === 0);
  });
});
