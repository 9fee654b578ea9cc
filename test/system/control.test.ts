import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, test } from 'vitest';
import { containersOf, execIn } from '../support/engine.ts';
import { deploy, eventually } from '../support/project.ts';
import { containerOf, ended, rollOut, start, useServer } from '../support/running.ts';

const server = useServer({ HARBOR_MAX_RUNNING: '2' });

/** Works for ever, with children that ignore being told to end; says what it was about to do. */
const restless = `#!/bin/sh
trap '' TERM INT HUP
echo changed > /app/notes.txt
setsid sh -c 'trap "" TERM; while :; do date >> /app/heartbeat; sleep 0.1; done' &
echo working
sleep 1000
`;

beforeAll(async () => {
  await deploy(
    server(),
    {
      name: 'restless',
      dockerfile: 'FROM debian:bookworm-slim\nWORKDIR /app\nCOPY app/ .\n',
      entrypoint: '/app/agent.sh',
      limits: { timeout_s: 600 },
    },
    {
      'app/agent.sh': restless,
      'app/notes.txt': 'new\n',
      'tasks/1/instruction.md': 'Never mind.',
      'tasks/1/tests/test.sh': '#!/bin/sh\ngrep -q changed /app/notes.txt\n',
      'tasks/2/instruction.md': 'Never mind.',
      'tasks/2/tests/test.sh': '#!/bin/sh\nsleep 1000\n',
      'tasks/2/task.toml': '[verifier]\ntimeout_sec = 1\n',
    },
  );
});

function working(rolloutId: string): Promise<string> {
  return eventually('the agent to work', async () => {
    const container = await containerOf(server(), rolloutId);
    const beats = await execIn(container, 'cat /app/heartbeat 2>/dev/null || true').catch(() => '');
    return beats !== '' && container;
  });
}

describe('cancel', () => {
  test('ends every process, keeps what is there, and leaves no sandbox', async () => {
    const id = await start(server(), 'restless', { env: { seed: 1 } });
    await working(id);
    await server().client.cancel(id);
    const rollout = await ended(server(), id);
    expect(rollout).toMatchObject({ status: 'cancelled', failure: { class: 'cancelled' } });
    expect(rollout.reward_info.outcome_reward).toBeNull();
    expect(await text(server().client.rolloutLog(id))).toBe('working\n');
    expect(await text(server().client.artifact(id, 1, 'workdir.diff'))).toContain('-new\n+changed\n');
    await eventually('the sandbox to go', async () => (await containersOf(server().installation.id)).length === 0);
  });

  test('of a rollout that waits for its place closes it without a sandbox', async () => {
    const first = await start(server(), 'restless', { env: { seed: 1 } });
    const second = await start(server(), 'restless', { env: { seed: 1 } });
    await Promise.all([working(first), working(second)]);
    const third = await start(server(), 'restless', { env: { seed: 1 } });
    await server().client.cancel(third);
    expect(await ended(server(), third)).toMatchObject({ status: 'cancelled', attempts: [] });
    await Promise.all([server().client.cancel(first), server().client.cancel(second)]);
    await Promise.all([ended(server(), first), ended(server(), second)]);
  });

  test('of a closed rollout changes nothing', async () => {
    const { id } = await rollOut(server(), 'restless', { env: { seed: 1 }, limits: { timeout_s: 1 } });
    await server().client.cancel(id);
    expect(await server().client.rollout(id)).toMatchObject({ status: 'completed' });
  });
});

describe("the agent's time", () => {
  test('ends the agent, and the tests judge what it left', async () => {
    const rollout = await rollOut(server(), 'restless', { env: { seed: 1 }, limits: { timeout_s: 1 } });
    expect(rollout).toMatchObject({
      status: 'completed',
      trust: 'quiesced',
      failure: { class: 'agent_timeout' },
      success_status: 'timeout',
      reward_info: { outcome_reward: 1 },
    });
  });
});

describe("the tests' time", () => {
  test('ends the tests: no reward', async () => {
    const rollout = await rollOut(server(), 'restless', { env: { seed: 2 }, limits: { timeout_s: 1 } });
    expect(rollout).toMatchObject({ status: 'failed', failure: { class: 'verifier_timeout' } });
    expect(rollout.reward_info.outcome_reward).toBeNull();
  });
});
