import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mintToken } from '../../src/interceptor/tokens.ts';
import { type FaultyProvider, startFaultyProvider } from '../agents/support/faulty-provider.ts';
import { execIn, isThere } from '../support/engine.ts';
import { useInstallation } from '../support/installation.ts';
import { eventually, plainDockerfile } from '../support/project.ts';
import type { RoleProcess } from '../support/roles.ts';
import { twoCommands, twoCommandsTask } from '../support/two-commands.ts';

const installation = useInstallation();
const undone: (() => Promise<void> | void)[] = [];
let provider: FaultyProvider;
let supervisor: RoleProcess;
let worker: RoleProcess;

beforeAll(async () => {
  provider = await startFaultyProvider(
    twoCommands,
    () => undefined,
    (undo) => undone.push(undo),
  );
  const { apiKey, baseUrl } = provider.upstreams.anthropic;
  supervisor = await installation().start('interceptor', {
    ANTHROPIC_API_KEY: apiKey,
    ANTHROPIC_BASE_URL: baseUrl,
  });
  await installation().deploy('twice', {
    // Gives up after some seconds; its own command may take as long as it likes.
    Dockerfile: `${plainDockerfile}ENV CLAUDE_CODE_MAX_RETRIES=3 BASH_DEFAULT_TIMEOUT_MS=1200000 BASH_MAX_TIMEOUT_MS=1200000\n`,
    ...twoCommandsTask,
  });
  worker = await installation().start('worker');
}, 300_000);

afterAll(async () => {
  for (const undo of undone) await undo();
});

/** What the interceptor answers to who holds the token of a rollout's first attempt and asks for no model's work. */
async function statusOf(rolloutId: string): Promise<number> {
  const { HARBOR_INTERCEPTOR_PORT: port, HARBOR_SECRET: secret = '' } = installation().settings;
  const headers = { authorization: `Bearer ${mintToken(secret, rolloutId, 1)}` };
  const { status } = await fetch(`http://127.0.0.1:${port}/v1/models`, { headers });
  return status;
}

describe('claude-code, whose interceptor lost touch with the database for longer than it asks again', () => {
  const policy = { config: { agent: 'claude-code', model: 'claude-sonnet-4-5', retries: 'own' } };

  test.each([
    ['goes on in its session, and pays for nothing twice', async () => {}],
    [
      'goes on with it also when its worker dies in the middle of that',
      async () => {
        await installation().end(worker, 'SIGKILL');
        worker = await installation().start('worker');
      },
    ],
  ])('%s', { timeout: 240_000 }, async (title, disturb) => {
    const { client } = installation();
    const before = provider.log.length;
    const id = title.includes('worker') ? 'followed' : 'resumed';
    await client.startRollout('twice', { rollout_id: id, env: { seed: 1 }, policy });
    const container = await installation().boxOf(id, 1);
    await eventually('the first command to run', isThere(container, '/app/at-first'));
    supervisor.kill('SIGSTOP');
    await eventually('the interceptor to serve nobody', async () => (await statusOf(id)) === 503);
    await execIn(container, 'touch /app/first');
    await eventually('the agent to give up', isThere(container, '/.harbor/agent/exit'), 100).finally(() =>
      supervisor.kill('SIGCONT'),
    );
    await eventually('the second command to run', isThere(container, '/app/at-second'));
    await disturb();
    await execIn(container, 'touch /app/second');
    await eventually('the rollout to end', async () => (await client.rollout(id)).closed_at !== null);

    expect(await client.rollout(id)).toMatchObject({
      status: 'completed',
      failure: null,
      reward_info: { outcome_reward: 1 },
      attempts: [{ attempt: 1, resumes: [{ reason: expect.stringContaining('the interceptor was away') }] }],
      usage: { llm_calls: twoCommands.turns.length },
    });
    // Each turn once, in the provider's own books too.
    expect(provider.log.length - before).toBe(twoCommands.turns.length);
    expect((await text(client.rolloutLog(id))).split('the session is taken up again ---\n')).toHaveLength(2);
  });
});
