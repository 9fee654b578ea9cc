import { randomBytes, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pino } from 'pino';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { collectGarbage } from '../../src/activities/garbage.ts';
import { agentRegistry } from '../../src/agents/registry.ts';
import { snapshotImage } from '../../src/sandboxes/docker/snapshot-name.ts';
import { dockerSubject, type DockerSubject } from '../contract/docker-subject.ts';
import { readyDeployment } from '../support/deployment.ts';
import { earnedOne, insertRollout } from '../support/rollout.ts';
import { openTestStore, type TestStore } from '../support/store.ts';

const { signal } = new AbortController();
const scope = { signal, report: () => undefined };
const run = randomUUID().slice(0, 8);
const names = ['oldest', 'older', 'newer', 'used'].map((word) => `${word}-${run}`);
const [oldest = '', older = '', newer = '', used = ''] = names;
const snapshotBytes = 3e6;
const inAnHour = Date.now() + 3_600_000;

let store: TestStore;
let subject: DockerSubject;
let deploymentId: string;

/** With a layer of its own on a layer that all of them share. */
async function build(name: string, base: string): Promise<void> {
  const tar = pack();
  tar.entry({ name: 'own' }, randomBytes(snapshotBytes));
  tar.finalize();
  const context = await buffer(tar);
  const snapshot = await subject.provider.ensureSnapshot({
    name,
    dockerfile: `FROM ${base}\nCOPY own /own\n`,
    context: () => Promise.resolve(Readable.from([context])),
    force: false,
    onLog: () => undefined,
    signal,
  });
  await store.snapshots.save('docker', snapshot);
}

const there = async (): Promise<readonly string[]> =>
  (await subject.provider.listSnapshots(signal)).map(({ name }) => name).toSorted();

beforeAll(async () => {
  store = await openTestStore();
  subject = await dockerSubject();
  for (const [hours, name] of names.entries()) {
    await build(name, subject.baseImage);
    const lastUsedAt = new Date(Date.now() - (10 - hours) * 3_600_000);
    await store.db.updateTable('snapshots').set({ lastUsedAt }).where('name', '=', name).execute();
  }
  const deployment = await readyDeployment(store, { name: 'env' });
  deploymentId = deployment.id;
  await insertRollout(store, deployment, `open-${run}`, { snapshotName: older, model: null });
});
afterAll(async () => {
  await subject.close(names);
  await store.close();
});

const collect = (quota: number | undefined, dryRun = false, now = inAnHour) =>
  collectGarbage(
    {
      store,
      provider: subject.provider,
      agents: agentRegistry,
      disk: { snapshotBytes: quota },
      logger: pino({ level: 'silent' }),
    },
    { dry_run: dryRun, older_than_s: 600 },
    scope,
    now,
  );

test('snapshots beyond their quota go, the base image that others have not being counted', async () => {
  const unbounded = await collect(undefined);
  expect(unbounded).toMatchObject({ removed: [], snapshots: { count: 4, quota_bytes: null } });
  expect(unbounded.snapshots.bytes).toBeGreaterThanOrEqual(4 * snapshotBytes);
  expect(unbounded.snapshots.bytes).toBeLessThan(4.5 * snapshotBytes);

  const quota = Math.round(3.5 * snapshotBytes);
  const told = await collect(quota, true);
  expect(told).toMatchObject({ dry_run: true, removed: [{ kind: 'snapshot', count: 1 }], snapshots: { count: 3 } });
  expect(await there()).toEqual(names.toSorted());

  expect(await collect(quota)).toEqual({ ...told, dry_run: false });
  expect(await there()).toEqual([older, newer, used].toSorted());
  await expect(subject.docker.getImage(snapshotImage(oldest)).inspect()).rejects.toMatchObject({ statusCode: 404 });
});

test('none goes that a rollout needs, a container has, or another program has named', async () => {
  const container = `harbor-${run}-a1-agent`;
  await subject.provider.create({
    name: container,
    snapshot: used,
    labels: { 'harbor.rollout': `open-${run}`, 'harbor.attempt': '1' },
    env: {},
    cpuCores: 1,
    memoryMb: 512,
    diskMb: 1024,
    egress: 'none',
    toolboxes: [],
    files: [],
    signal,
  });
  await subject.docker.getImage(snapshotImage(newer)).tag({ repo: 'another-program', tag: run });
  expect(await collect(1)).toMatchObject({ removed: [], snapshots: { count: 2 } });
  await subject.provider.destroy(container);

  expect(await collect(1)).toMatchObject({ removed: [{ kind: 'snapshot', count: 1 }], snapshots: { count: 1 } });
  expect(await there()).toEqual([older]);
  await subject.docker.getImage(`another-program:${run}`).remove();
  expect(await collect(1)).toMatchObject({ removed: [{ kind: 'snapshot', count: 1 }], snapshots: { count: 1 } });
});

test('one that was used within the last minutes stays', async () => {
  await store.rollouts.close(`open-${run}`, 'nobody', 'cancelled', earnedOne);
  await store.db
    .updateTable('snapshots')
    .set({ lastUsedAt: new Date(inAnHour) })
    .where('name', '=', older)
    .execute();
  expect(await collect(1)).toMatchObject({ removed: [], snapshots: { count: 1 } });
});

test('blobs that nothing refers to for a day go, and those that a row refers to stay', async () => {
  const { contextRef } = await store.deployments.generation(deploymentId, 1);
  const unused = await store.blobs.put(Buffer.from('an upload that was broken off'));
  expect((await collect(undefined)).removed).toEqual([]);
  const inTwoDays = Date.now() + 2 * 24 * 3_600_000;
  const told = await collect(undefined, true, inTwoDays);
  expect(told).toMatchObject({ removed: [{ kind: 'blob', count: 1 }], blobs: { count: 1 }, trace_days: null });
  expect(await store.blobs.get(unused)).toBeDefined();
  expect(await collect(undefined, false, inTwoDays)).toEqual({ ...told, dry_run: false });
  await expect(store.blobs.get(unused)).rejects.toThrow('is not in the store');
  expect(await store.blobs.get(contextRef)).toBeDefined();
});

test('the build cache is trimmed by the engine itself, to what was asked for', async () => {
  const bytes = 1e15;
  expect(await subject.provider.trimBuildCache(bytes, true, signal)).toEqual({ count: 0, bytes: 0 });
  expect(await subject.provider.trimBuildCache(bytes, false, signal)).toEqual({ count: 0, bytes: 0 });
  expect(subject.calls).toContainEqual(
    expect.stringMatching(/^POST .*\/build\/prune\?all=true&keep-storage=1000000000000000$/),
  );
});
