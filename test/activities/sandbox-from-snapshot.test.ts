import { randomUUID } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sandboxFromSnapshot } from '../../src/activities/sandbox-from-snapshot.ts';
import { snapshotImage } from '../../src/sandboxes/docker/snapshot-name.ts';
import { dockerSubject, type DockerSubject } from '../contract/docker-subject.ts';
import { openTestStore, type TestStore } from '../support/store.ts';

const name = `evicted-${randomUUID().slice(0, 8)}`;
const { signal } = new AbortController();
let store: TestStore;
let subject: DockerSubject;

beforeAll(async () => {
  store = await openTestStore();
  subject = await dockerSubject();
});
afterAll(async () => {
  await subject.close([name]);
  await store.close();
});

test('a snapshot that was removed from the engine is built again for the sandbox that needs it', async () => {
  const { provider, docker, baseImage } = subject;
  const tar = pack();
  tar.entry({ name: 'hello' }, 'from the context');
  tar.finalize();
  const contextRef = await store.blobs.put(await buffer(tar));
  const dockerfile = `FROM ${baseImage}\nCOPY hello /hello\n`;
  await provider.ensureSnapshot({
    name,
    dockerfile,
    context: () => store.blobs.open(contextRef),
    force: false,
    onLog: () => undefined,
    signal,
  });
  await docker.getImage(snapshotImage(name)).remove();
  const reported: string[] = [];
  const request = {
    name: `harbor-${name}-a1-agent`,
    snapshot: name,
    labels: {},
    env: {},
    cpuCores: 1,
    memoryMb: 512,
    diskMb: 1024,
    egress: 'none' as const,
    toolboxes: [],
    files: [],
    signal,
  };
  const sandbox = await sandboxFromSnapshot({ store, provider }, request, { dockerfile, contextRef }, (text) => {
    reported.push(text);
  });
  expect(sandbox).toMatchObject({ name: request.name, state: 'running' });
  expect(reported[0]).toContain('building the snapshot again');
  expect(await provider.get(sandbox.name, '/hello', signal)).toBeDefined();
  expect(await store.snapshots.find(name)).toMatchObject({ name });
  await provider.destroy(sandbox.name);
});
