import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { docker, everythingOf, killContainer, removeEverything, runningContainersOf } from '../support/engine.ts';
import { deploy, eventually, plainDockerfile } from '../support/project.ts';
import { makeHome, startServer, type TestServer } from '../support/server.ts';

/** Works until it is told to end, which its first attempt is by being killed. */
const agent = `#!/bin/sh
sleep 3
echo '{"metrics":{"reward_mean":1}}' > /tmp/result.json
`;

const run = randomUUID().slice(0, 8);
const another = randomUUID();

/** Seconds. */
const patience = 120;

let home: string;
let server: TestServer;

const labels = (installation: string, kind: string): string[] => [
  '--label',
  `harbor.installation=${installation}`,
  '--label',
  `harbor.kind=${kind}`,
];

/** Something of every kind that may be left, as processes leave it that are killed. */
async function leave(installation: string, mark: string): Promise<readonly string[]> {
  const container = async (name: string, ...own: string[]): Promise<string> => {
    await docker('create', '--name', name, ...own, 'debian:bookworm-slim', 'true');
    return name;
  };
  return [
    await container(`harbor-helper-${mark}`, ...labels(installation, 'helper')),
    await container(`harbor-${mark}-a1-agent`, ...labels(installation, 'sandbox'), '--label', `harbor.rollout=${mark}`),
    await docker('network', 'create', '--internal', ...labels(installation, 'network'), `harbor-${mark}`).then(
      () => `harbor-${mark}`,
    ),
    await docker('volume', 'create', ...labels(installation, 'toolbox'), `harbor-toolbox-codex-${mark}`),
  ].toSorted();
}

beforeAll(async () => {
  home = await makeHome();
  server = await startServer(home);
});

afterAll(async () => {
  await server.kill('SIGTERM');
  for (const installation of [server.installation.id, another]) await removeEverything(installation);
  await docker('volume', 'rm', '--force', `harbor-toolbox-codex-${run}-theirs`, `harbor-toolbox-codex-${run}-ours`);
  await rm(home, { recursive: true, force: true });
});

test("after a batch whose server and sandboxes were killed nothing of it is left, and what is another program's stays", async () => {
  const { installation } = server;
  await deploy(server, { name: 'short', dockerfile: plainDockerfile, entrypoint: '/app/run.sh' }, { 'run.sh': agent });
  const theirs = await leave(another, `${run}-theirs`);
  const { id } = await server.client.startBatch('short', { seeds: { from: 1, count: 4 }, concurrency: 2 });
  const [victim = ''] = await eventually('sandboxes to run', async () => {
    const running = await runningContainersOf(installation.id);
    return running.length >= 2 && running;
  });
  await killContainer(victim);
  await server.kill('SIGKILL');
  await killContainer((await runningContainersOf(installation.id))[0] ?? '');
  const ours = await leave(installation.id, `${run}-ours`);
  server = await startServer(home);

  const batch = await eventually(
    'the batch to end',
    async () => {
      const now = await server.client.batch(id);
      return now.status === 'completed' && now;
    },
    patience,
  );
  expect(batch).toMatchObject({ planned: 4, counts: { scored: 4 } });
  const standing = await eventually(
    'the sandboxes to be gone',
    async () => {
      const names = await everythingOf(installation.id);
      return names.filter((name) => name.endsWith('-agent')).length === 1 && names;
    },
    patience,
  );
  expect(standing).toEqual(expect.arrayContaining([...ours]));

  const told = await server.client.gc({ dry_run: true, older_than_s: 0 });
  expect(told.removed.map(({ kind, count }) => `${count} ${kind}`).toSorted()).toEqual([
    '1 helper',
    '1 network',
    '1 sandbox',
    '1 toolbox',
  ]);
  expect(await server.client.gc({ older_than_s: 0 })).toMatchObject({ removed: told.removed });
  const inUse = ['open', 'closed'].map((which) => `harbor-${installation.id.slice(0, 8)}-${which}`);
  expect(await everythingOf(installation.id)).toEqual(inUse.toSorted());
  expect(await everythingOf(another)).toEqual(theirs);

  await server.kill('SIGTERM');
  expect(await everythingOf(installation.id)).toEqual([]);
  expect(await everythingOf(another)).toEqual(theirs);
}, 200_000);
