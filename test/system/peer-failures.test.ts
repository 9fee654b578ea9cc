import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { batchSchema } from '../../src/model/batch-responses.ts';
import { parseJson } from '../../src/model/json.ts';
import type { NewBatch } from '../../src/sdk/client.ts';
import { batchResults } from '../support/batch-results.ts';
import { containersOf, execIn, removeEverything, runningContainersOf } from '../support/engine.ts';
import { EngineProxy } from '../support/engine-proxy.ts';
import { deploy, eventually, upload } from '../support/project.ts';
import { rollOut, start, tidy } from '../support/running.ts';
import { makeHome, startServer, type TestServer } from '../support/server.ts';

let home: string;
let proxy: EngineProxy;
let server: TestServer;

const startHarbor = () => startServer(home, { DOCKER_HOST: `unix://${proxy.socketPath}` });

/** Counts its own starts, and works until it is told to end. */
const counting = `#!/bin/sh
echo start >> /app/starts
while [ ! -e /app/finish ]; do sleep 0.2; done
`;

/** The number of the agent's starts is the reward: 1, or more than anybody wanted. */
const countingTests = `#!/bin/sh
printf '{"reward":%s}' "$(grep -c start /app/starts)" > /logs/verifier/reward.json
`;

/** Does nothing that the tests ask for, and leaves behind what writes its own verdict over and over. */
const forger = `#!/bin/sh
setsid sh -c 'trap "" TERM HUP; while :; do mkdir -p /logs/verifier; echo 1 > /logs/verifier/reward.txt; done' &
`;

const dockerfile = 'FROM debian:bookworm-slim\nWORKDIR /app\nCOPY app/ .\n';
const seeds = [1, 2, 3, 4];

const task = (seed: number, tests: string) => ({
  [`tasks/${seed}/instruction.md`]: 'Never mind.',
  [`tasks/${seed}/tests/test.sh`]: tests,
});

beforeAll(async () => {
  home = await makeHome();
  proxy = await EngineProxy.start();
  server = await startHarbor();
  await deploy(
    server,
    { name: 'counting', dockerfile, entrypoint: '/app/agent.sh' },
    { 'app/agent.sh': counting, ...Object.assign({}, ...seeds.map((seed) => task(seed, countingTests))) },
  );
}, 300_000);

afterAll(async () => {
  await server.kill('SIGTERM');
  await removeEverything(server.installation.id);
  await proxy[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

async function kill(): Promise<void> {
  await server.kill('SIGKILL');
}

/** All agents of these sandboxes have started; returns the sandboxes. */
function agentsOf(ids: readonly string[]): Promise<readonly string[]> {
  return eventually('all agents to work', async () => {
    const running = await runningContainersOf(server.installation.id);
    const mine = running.filter((name) => ids.some((id) => name.includes(`-${id}-`)));
    const started = await Promise.all(mine.map((name) => execIn(name, 'ls /app')));
    return mine.length === ids.length && started.every((files) => files.includes('starts')) && mine;
  });
}

const finish = (sandboxes: readonly string[]) =>
  Promise.all(sandboxes.map((sandbox) => execIn(sandbox, 'touch /app/finish')));

const nothingLeft = (ids: readonly string[]) =>
  eventually('all sandboxes to be gone', async () =>
    (await containersOf(server.installation.id)).every((name) => !ids.some((id) => name.includes(`-${id}-`))),
  );

async function resultsOf(batchId: string) {
  await eventually('the batch to end', async () => (await server.client.batch(batchId)).closed_at !== null, 180);
  return batchResults(server.client, batchId);
}

/** A batch under a name of the caller's, as a client does it that repeats what it had no answer to. */
async function runNamed(name: string, batch: NewBatch) {
  const answer = await fetch(`${server.url}/api/harbor/deployments/counting/batches`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${server.apiKey}`,
      'content-type': 'application/json',
      'idempotency-key': name,
    },
    body: JSON.stringify(batch),
  });
  return { status: answer.status, id: parseJson(await answer.text(), batchSchema).id };
}

/** What was seen of another framework for the same work, on the same machine. */
describe('what a peer gets wrong', () => {
  test(
    'kill -9 while four agents work leaves none behind, and none starts again: all four are followed to their end',
    { timeout: 300_000 },
    async () => {
      const ids = await Promise.all(seeds.map((seed) => start(server, 'counting', { env: { seed } })));
      const sandboxes = await agentsOf(ids);
      await kill();
      // Nobody is there to see them end.
      await finish(sandboxes.slice(0, 2));
      server = await startHarbor();
      await finish(sandboxes.slice(2));
      for (const id of ids) {
        expect(await tidy(server, id)).toMatchObject({
          status: 'completed',
          attempts: [{ failure: null }],
          reward_info: { outcome_reward: 1 },
        });
      }
      await nothingLeft(ids);
    },
  );

  test(
    'kill -9 of a batch at work, and its results that are there stay as they are; only what is missing goes on',
    { timeout: 300_000 },
    async () => {
      const { id } = await server.client.startBatch('counting', { seeds: { from: 1, to: 4 }, concurrency: 4 });
      const ids = seeds.map((seed) => `${id}-${seed - 1}`);
      const sandboxes = await agentsOf(ids);
      await finish(sandboxes.slice(0, 2));
      const before = await eventually('two results', async () => {
        const ended = (await batchResults(server.client, id)).filter(({ reward }) => reward !== null);
        return ended.length === 2 && ended;
      });
      await kill();
      server = await startHarbor();
      await finish(sandboxes.slice(2));
      const results = await resultsOf(id);
      expect(results.map(({ reward, attempts }) => ({ reward, attempts }))).toEqual(
        seeds.map(() => ({ reward: 1, attempts: 1 })),
      );
      expect(results).toEqual(expect.arrayContaining(before));
      await nothingLeft(ids);
    },
  );

  test(
    'kill -9 during the removal of the sandbox loses no reward, runs no agent again and leaves no sandbox',
    { timeout: 300_000 },
    async () => {
      const id = await start(server, 'counting', { env: { seed: 1 } });
      const cut = proxy.cutAt(new RegExp(`^DELETE /containers/harbor-${id}-`), 'request');
      await finish(await agentsOf([id]));
      await cut;
      const committed = await server.client.rollout(id);
      expect(committed).toMatchObject({ status: 'completed', reward_info: { outcome_reward: 1 } });
      await kill();
      await proxy.mend();
      server = await startHarbor();
      const rollout = await tidy(server, id);
      expect(rollout).toEqual({ ...committed, attempts: rollout.attempts });
      expect(rollout.attempts).toMatchObject([{ attempt: 1, failure: null }]);
      await nothingLeft([id]);
    },
  );

  test(
    'two runs under one name are one run: four rollouts, not eight, and both callers have the results',
    { timeout: 300_000 },
    async () => {
      const batch = { seeds: { from: 1, to: 4 }, concurrency: 4 };
      const [first, second] = await Promise.all([runNamed('nightly', batch), runNamed('nightly', batch)]);
      expect(first).toEqual({ status: 202, id: first.id });
      expect(second).toEqual(first);
      await finish(await agentsOf(seeds.map((seed) => `${first.id}-${seed - 1}`)));
      expect((await resultsOf(first.id)).map(({ reward }) => reward)).toEqual([1, 1, 1, 1]);
      const { batches } = { batches: await server.client.batches() };
      expect(batches.filter(({ id }) => id === first.id)).toHaveLength(1);
      expect(await server.client.batchLedger(first.id)).toMatchObject({ rollouts: 4, attempts: 4, balances: true });
      expect(await runNamed('nightly', batch)).toEqual(first);
    },
  );

  test(
    'one bad task of three is one failure with its class, and the others have their rewards',
    { timeout: 300_000 },
    async () => {
      const files = {
        'app/agent.sh': '#!/bin/sh\n',
        ...task(1, '#!/bin/sh\nexit 0\n'),
        ...task(2, '#!/bin/sh\nexit 7\n'),
        ...task(3, '#!/bin/sh\nexit 1\n'),
      };
      await deploy(server, { name: 'mixed', dockerfile, entrypoint: '/app/agent.sh' }, files);
      const { id } = await server.client.startBatch('mixed', { samples: 2 });
      const results = await resultsOf(id);
      const seen = results
        .toSorted((a, b) => (a.seed ?? 0) - (b.seed ?? 0))
        .map(({ seed, reward, failure }) => [seed, reward, failure?.class ?? null]);
      expect(seen).toEqual([
        [1, 1, null],
        [1, 1, null],
        [2, null, 'verifier_failed'],
        [2, null, 'verifier_failed'],
        [3, 0, null],
        [3, 0, null],
      ]);
    },
  );

  test(
    'an environment that does not build fails alone: what runs in others goes on',
    { timeout: 300_000 },
    async () => {
      const id = await start(server, 'counting', { env: { seed: 1 } });
      const sandboxes = await agentsOf([id]);
      const broken = await upload(
        server,
        { name: 'broken', dockerfile: 'FROM debian:bookworm-slim\nRUN exit 9\n', entrypoint: '/app/agent.sh' },
        { 'app/agent.sh': '#!/bin/sh\n' },
      );
      const status = async () => (await server.client.status(broken.id)).status;
      await eventually('the build to fail', async () => (await status()) === 'failed');
      await finish(sandboxes);
      expect(await tidy(server, id)).toMatchObject({ status: 'completed', reward_info: { outcome_reward: 1 } });
    },
  );

  test(
    'a loop that an agent leaves behind to write reward.txt does not decide the reward',
    { timeout: 180_000 },
    async () => {
      await deploy(
        server,
        { name: 'forged', dockerfile, entrypoint: '/app/agent.sh' },
        { 'app/agent.sh': forger, ...task(1, '#!/bin/sh\necho 0 > /logs/verifier/reward.txt\nsleep 1\n') },
      );
      const rollout = await rollOut(server, 'forged', { env: { seed: 1 } });
      expect(rollout).toMatchObject({ status: 'completed', attempt: 1, reward_info: { outcome_reward: 0 } });
    },
  );
});
