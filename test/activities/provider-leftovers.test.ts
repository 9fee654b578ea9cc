import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { orphanMs, sweepLeftovers } from '../../src/activities/provider-leftovers.ts';
import { agentRegistry } from '../../src/agents/registry.ts';
import { toolboxHash } from '../../src/agents/toolbox.ts';
import { toolboxesFor } from '../../src/cli/setup.ts';
import { statusOf } from '../../src/sandboxes/docker/engine.ts';
import { replacedRepository, snapshotImage } from '../../src/sandboxes/docker/snapshot-name.ts';
import { type DockerSubject, dockerSubject } from '../contract/docker-subject.ts';
import { never, tarOf } from '../contract/subject.ts';

const run = randomUUID().slice(0, 8);
const snapshot = `leftovers-${run}`;
const rebuilt = `rebuilt-${run}`;
const scope = { signal: never(), report: () => undefined };
const [codex] = toolboxesFor(['codex'], 'glibc');

let subject: DockerSubject;
/** Undo what was planted and has to stay. */
const undo: (() => Promise<unknown>)[] = [];

const labels = (kind: string, installation = subject.installation) => ({
  'harbor.installation': installation,
  'harbor.kind': kind,
});
const isGone = (error: unknown): void => {
  if (statusOf(error) !== 404) throw error;
};
const sweep = async (before = new Date(Date.now() + 1000), dryRun = false): Promise<readonly string[]> => {
  const parts = { provider: subject.provider, agents: agentRegistry, logger: pino({ level: 'silent' }) };
  return (await sweepLeftovers(parts, scope, { dryRun, before })).map(({ name }) => name).toSorted();
};

async function container(name: string, settings: object): Promise<string> {
  const made = await subject.docker.createContainer({
    name,
    Image: snapshotImage(snapshot),
    Cmd: ['true'],
    ...settings,
  });
  undo.unshift(() => made.remove({ force: true }));
  return name;
}
async function volume(name: string, own: Record<string, string>): Promise<string> {
  await subject.docker.createVolume({ Name: name, Labels: own });
  undo.push(() => subject.docker.getVolume(name).remove());
  return name;
}
async function network(name: string, own: Record<string, string>): Promise<string> {
  const made = await subject.docker.createNetwork({ Name: name, Internal: true, Labels: own });
  undo.push(() => made.remove());
  return name;
}
const build = (name: string, force = false) =>
  subject.provider.ensureSnapshot({
    name,
    dockerfile: `FROM ${subject.baseImage}\nRUN echo ${name}; head -c 16 /dev/urandom > /random\n`,
    context: async () => tarOf({}),
    force,
    onLog: () => undefined,
    signal: never(),
  });
const isThere = (image: string): Promise<boolean> =>
  subject.docker
    .getImage(image)
    .inspect()
    .then(
      () => true,
      () => false,
    );

beforeAll(async () => {
  subject = await dockerSubject();
  await build(snapshot);
});
afterAll(async () => {
  for (const step of undo) await step().catch(isGone);
  await subject.close([snapshot, rebuilt]);
});

test("what nobody uses goes once it is old, and what is another program's, in use or needed stays", async () => {
  const another = randomUUID();
  const ours = [
    await container(`harbor-helper-${run}`, { Labels: labels('helper') }),
    await volume(`harbor-toolbox-codex-old${run}`, labels('toolbox')),
    await network(`harbor-${run}-old`, labels('network')),
  ].toSorted();

  const used = await volume(`harbor-toolbox-codex-used${run}`, labels('toolbox'));
  const anothersNetwork = await network(`another-${run}`, labels('network', another));
  const usedNetwork = await network(`harbor-${run}-used`, labels('network'));
  const stay = [
    await container(`harbor-helper-${run}-of-another`, { Labels: labels('helper', another) }),
    // A container has the labels of its image, which may have been made of a helper.
    await container(`another-program-${run}`, { Labels: labels('helper') }),
    await container(`user-${run}`, {
      Cmd: ['sleep', '1000'],
      HostConfig: { Mounts: [{ Type: 'volume', Source: used, Target: '/toolbox' }], NetworkMode: usedNetwork },
    }),
  ];
  await subject.docker.getContainer(`user-${run}`).start();
  const volumes = [
    used,
    await volume(`harbor-toolbox-codex-another${run}`, labels('toolbox', another)),
    await volume(`harbor-toolbox-codex-nobodys${run}`, {}),
  ];
  // Made from ours, so that it has our labels, and without a name.
  const child: { Id: string } = await subject.docker.getContainer(`user-${run}`).commit();
  undo.push(() => subject.docker.getImage(child.Id).remove({ force: true }));

  expect(await sweep(new Date(Date.now() - orphanMs))).toEqual([]);
  expect(await sweep(undefined, true)).toEqual(ours);
  expect(await sweep()).toEqual(ours);
  expect(await sweep()).toEqual([]);

  for (const name of stay) await expect(subject.docker.getContainer(name).inspect()).resolves.toBeDefined();
  for (const name of volumes) await expect(subject.docker.getVolume(name).inspect()).resolves.toBeDefined();
  for (const name of [anothersNetwork, usedNetwork]) {
    await expect(subject.docker.getNetwork(name).inspect()).resolves.toBeDefined();
  }
  expect(await isThere(child.Id)).toBe(true);
  expect(await isThere(snapshotImage(snapshot))).toBe(true);
});

test('a toolbox that an agent still has is needed, whether a sandbox uses it or not', async () => {
  if (!codex) throw new Error('codex has no toolbox');
  const needed = [{ name: codex.name, hash: `old${run}` }];
  const name = `harbor-toolbox-codex-old${run}`;
  await volume(name, labels('toolbox'));
  const names = async (toolboxes: typeof needed) =>
    (await subject.provider.listLeftovers(toolboxes, never())).map((leftover) => leftover.name);
  expect(await names(needed)).not.toContain(name);
  expect(await names([{ name: codex.name, hash: toolboxHash(codex) }])).toContain(name);
  expect(await sweep()).toEqual([name]);
});

test('an image that was built anew goes with the last sandbox that uses it', async () => {
  const sandbox = `harbor-${run}-a1-agent`;
  const { providerRef: before } = await build(rebuilt);
  await subject.provider.create({
    name: sandbox,
    snapshot: rebuilt,
    labels: { 'harbor.rollout': run, 'harbor.attempt': '1' },
    env: {},
    cpuCores: 1,
    memoryMb: 256,
    diskMb: 1024,
    egress: 'none',
    toolboxes: [],
    files: [],
    signal: never(),
  });
  const { providerRef: after } = await build(rebuilt, true);
  expect(after).not.toBe(before);
  expect(await sweep()).toEqual([]);
  expect(await isThere(before)).toBe(true);

  await subject.provider.destroy(sandbox);
  expect(await sweep()).toEqual([expect.stringMatching(`^${replacedRepository}:`)]);
  expect(await isThere(before)).toBe(false);
  expect(await isThere(after)).toBe(true);
});
