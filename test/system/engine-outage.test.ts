import { rm } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { containersOf, execIn, removeEverything } from '../support/engine.ts';
import { EngineProxy, type Loss } from '../support/engine-proxy.ts';
import { deploy, eventually } from '../support/project.ts';
import { containerOf, start, tidy } from '../support/running.ts';
import { makeHome, startServer, type TestServer } from '../support/server.ts';

/** Counts its own starts; works until it is told to end where it was asked to. */
const agent = `#!/bin/sh
echo start >> /app/starts
echo started
if [ "$HARBOR_SEED" = 1 ]; then while [ ! -e /app/finish ]; do sleep 0.1; done; fi
echo finished
touch /app/finished
`;

/** The number of the agent's starts is what the tests reward. */
const tests = `#!/bin/sh
echo tested >> /app/tested
printf '{"starts":%s,"tests":%s}' "$(grep -c start /app/starts)" "$(grep -c tested /app/tested)" > /logs/verifier/reward.json
`;

/** Never end. */
const endless = `#!/bin/sh
touch /app/tests-began
sleep 1000
`;

let home: string;
let proxy: EngineProxy;
let server: TestServer;
let connection: Connection;

beforeAll(async () => {
  home = await makeHome();
  proxy = await EngineProxy.start();
  server = await startServer(home, { DOCKER_HOST: `unix://${proxy.socketPath}` });
  connection = await Connection.connect({ address: server.temporalAddress });
  await deploy(
    server,
    {
      name: 'patient',
      dockerfile: 'FROM debian:bookworm-slim\nWORKDIR /app\nCOPY app/ .\n',
      entrypoint: '/app/run.sh',
    },
    {
      'app/run.sh': agent,
      ...Object.fromEntries(
        [1, 2].flatMap((seed) => [
          [`tasks/${seed}/instruction.md`, 'Never mind.'],
          [`tasks/${seed}/tests/test.sh`, tests],
        ]),
      ),
      'tasks/3/instruction.md': 'Never mind.',
      'tasks/3/tests/test.sh': endless,
      'tasks/3/task.toml': '[verifier]\ntimeout_sec = 3\n',
    },
  );
}, 300_000);

afterAll(async () => {
  await connection.close();
  await server.kill('SIGTERM');
  await removeEverything(server.installation.id);
  await proxy[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

/** Waits until an activity of the rollout has been refused and is due again. */
async function triedAgain(rolloutId: string): Promise<void> {
  const handle = new Client({ connection }).workflow.getHandle(`rollout/${rolloutId}`);
  await eventually('another try', async () => {
    const { raw } = await handle.describe();
    return raw.pendingActivities?.some(({ attempt }) => (attempt ?? 0) >= 3);
  });
}

const unharmed = {
  status: 'completed',
  attempt: 1,
  failure: null,
  attempts: [{ attempt: 1, failure: null }],
};

describe('an engine that goes away', () => {
  test('while the agent works is waited for, and the agent works on', { timeout: 180_000 }, async () => {
    const id = await start(server, 'patient', { env: { seed: 1 } });
    const container = await containerOf(server, id);
    await eventually('the agent to work', async () => (await execIn(container, 'ls /app')).includes('starts'));
    await proxy.cut();
    await execIn(container, 'touch /app/finish');
    await eventually('the agent to end', async () => (await execIn(container, 'ls /app')).includes('finished'));
    await proxy.mend();
    const rollout = await tidy(server, id);
    expect(rollout).toMatchObject(unharmed);
    expect(rollout.reward_info.outcome_objectives).toEqual({ starts: 1, tests: 1 });
    expect(await text(server.client.rolloutLog(id))).toBe('started\nfinished\n');
  });

  test('while the time of the tests runs out still ends them for that', { timeout: 180_000 }, async () => {
    const id = await start(server, 'patient', { env: { seed: 3 } });
    const container = await containerOf(server, id);
    await eventually('the tests to run', async () => (await execIn(container, 'ls /app')).includes('tests-began'));
    await proxy.cut();
    await triedAgain(id);
    await proxy.mend();
    const rollout = await tidy(server, id);
    expect(rollout).toMatchObject({ status: 'failed', attempt: 1, failure: { class: 'verifier_timeout' } });
  });

  test.each<readonly [string, RegExp, Loss]>([
    ['before the sandbox is made', /^POST \/containers\/create/, 'request'],
    ['after the sandbox was made', /^POST \/containers\/create/, 'answer'],
    ['after the sandbox was started', /^POST \/containers\/harbor-[^/]+\/start/, 'answer'],
    ["before the agent's processes are counted", /^GET \/containers\/harbor-[^/]+\/top/, 'request'],
    ['while it is asked for what the agent left', /^GET \/containers\/harbor-[^/]+\/archive/, 'answer'],
    ['while the tests are put in', /^PUT \/containers\/harbor-[^/]+\/archive\?path=%2F\.harbor/, 'answer'],
    ['before the sandbox is removed', /^DELETE \/containers\/harbor-/, 'request'],
    ['after the sandbox was removed', /^DELETE \/containers\/harbor-/, 'answer'],
  ])('%s costs no attempt and does nothing twice', { timeout: 180_000 }, async (_, request, loss) => {
    const cut = proxy.cutAt(request, loss);
    const id = await start(server, 'patient', { env: { seed: 2 } });
    await cut;
    await triedAgain(id);
    await proxy.mend();
    const rollout = await tidy(server, id);
    expect(rollout).toMatchObject(unharmed);
    expect(rollout.reward_info.outcome_objectives).toEqual({ starts: 1, tests: 1 });
    expect((await containersOf(server.installation.id)).filter((name) => name.includes(id))).toEqual([]);
  });
});
