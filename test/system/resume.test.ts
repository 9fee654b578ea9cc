import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readState } from '../../src/interceptor/state-file.ts';
import { startFaultyProvider, type FaultyProvider } from '../agents/support/faulty-provider.ts';
import { containersOf, execIn, isThere, removeEverything } from '../support/engine.ts';
import { parentOf } from '../support/processes.ts';
import { deploy, eventually, plainDockerfile } from '../support/project.ts';
import { containerOf, start, tidy } from '../support/running.ts';
import { makeHome, startServer, type TestServer } from '../support/server.ts';
import { twoCommands, twoCommandsTask } from '../support/two-commands.ts';

let home: string;
let server: TestServer;
let provider: FaultyProvider;
let settings: Record<string, string>;
const undone: (() => Promise<void> | void)[] = [];

beforeAll(async () => {
  home = await makeHome();
  provider = await startFaultyProvider(
    twoCommands,
    () => undefined,
    (undo) => undone.push(undo),
  );
  const { anthropic } = provider.upstreams;
  settings = {
    ANTHROPIC_API_KEY: anthropic.apiKey,
    ANTHROPIC_BASE_URL: anthropic.baseUrl,
  };
  server = await startServer(home, settings);
  await deploy(
    server,
    { name: 'twice', dockerfile: plainDockerfile, env_vars: { CLAUDE_CODE_MAX_RETRIES: '3' } },
    twoCommandsTask,
  );
}, 300_000);

afterAll(async () => {
  await server.kill('SIGTERM');
  await removeEverything(server.installation.id);
  for (const undo of undone) await undo();
  await rm(home, { recursive: true, force: true });
});

const givenUp = (container: string) =>
  eventually('the agent to give up', isThere(container, '/.harbor/agent/exit'), 55);

/** Nobody brings the interceptor back until its guard is let go. */
async function beAway(container: string): Promise<void> {
  const state = await readState(join(home, 'interceptor'));
  if (!state) throw new Error('there is no interceptor');
  const guard = await parentOf(state.pid);
  process.kill(guard, 'SIGSTOP');
  process.kill(state.pid, 'SIGKILL');
  await execIn(container, 'touch /app/first');
  await givenUp(container).finally(() => process.kill(guard, 'SIGCONT'));
}

describe('claude-code, whose interceptor is away for longer than it asks again', () => {
  const policy = { config: { agent: 'claude-code', model: 'claude-sonnet-4-5', retries: 'own' } };

  test.each([
    ['goes on in its session, and pays for nothing twice', async () => {}],
    [
      'goes on with it also when harbor dies in the middle of that',
      async () => {
        await server.kill('SIGKILL');
        server = await startServer(home, settings);
      },
    ],
  ])('%s', { timeout: 240_000 }, async (_, disturb) => {
    const before = provider.log.length;
    const id = await start(server, 'twice', { env: { seed: 1 }, policy });
    const container = await containerOf(server, id);
    await eventually('the first command to run', isThere(container, '/app/at-first'));
    await beAway(container);
    await eventually('the second command to run', isThere(container, '/app/at-second'));
    await disturb();
    await execIn(container, 'touch /app/second');
    const rollout = await tidy(server, id);

    expect(rollout).toMatchObject({
      status: 'completed',
      attempt: 1,
      failure: null,
      reward_info: { outcome_reward: 1 },
      attempts: [
        { attempt: 1, failure: null, resumes: [{ reason: expect.stringContaining('the interceptor was away') }] },
      ],
    });
    // Each turn once, in the provider's own books too.
    expect(provider.log.length - before).toBe(twoCommands.turns.length);
    expect(rollout.usage.llm_calls).toBe(twoCommands.turns.length);
    const log = await text(server.client.rolloutLog(id));
    expect(log.split('the session is taken up again ---\n')).toHaveLength(2);
    expect((await containersOf(server.installation.id)).filter((name) => name.includes(id))).toEqual([]);
  });
});
