import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findProgram } from '../../../src/embedded/run-command.ts';
import { boxSettings } from '../../../src/sandboxes/docker/box-settings.ts';
import { makeContainer } from '../../../src/sandboxes/docker/containers.ts';
import { openEngine } from '../../../src/sandboxes/docker/engine.ts';
import type { Toolbox } from '../../../src/sandboxes/provider.ts';
import { type DockerSubject, dockerSubject } from '../../contract/docker-subject.ts';
import { Fixture, never, tarOf } from '../../contract/subject.ts';

let subject: DockerSubject;
const fixture = new Fixture(async () => (subject = await dockerSubject()));
beforeAll(() => fixture.open());
afterAll(() => fixture.close());

describe('a Docker sandbox', () => {
  test('has no more rights than it needs, and limits on all that it could take', async () => {
    const box = await fixture.box({ cpuCores: 1, memoryMb: 300 });
    const { HostConfig: host, Config: config } = await subject.docker.getContainer(box).inspect();
    expect(host).toMatchObject({
      Init: true,
      Memory: 300 * 2 ** 20,
      MemorySwap: 300 * 2 ** 20,
      NanoCpus: 1e9,
      PidsLimit: 4096,
      CapDrop: ['NET_RAW', 'MKNOD'],
      SecurityOpt: ['no-new-privileges'],
      LogConfig: { Type: 'none' },
    });
    expect(config.Labels).toMatchObject({
      'harbor.installation': subject.installation,
      'harbor.kind': 'sandbox',
      'harbor.rollout': box,
    });
  });

  test('may install packages and give files away', async () => {
    const box = await fixture.box();
    expect(await fixture.read(box, 'touch /f && chown joe /f && setpriv --reuid=1000 --clear-groups id -u')).toBe(
      '1000',
    );
  });

  test('keeps its environment out of the addresses of calls', async () => {
    const secret = 'x'.repeat(32 * 1024);
    const box = await fixture.box({ env: Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`V${i}`, secret])) });
    expect(await fixture.read(box, 'echo ${#V59}')).toBe(String(secret.length));
  });

  test("leaves nothing of its image's volumes behind", async () => {
    const name = fixture.snapshotName();
    await fixture.build(name, `FROM ${subject.baseImage}\nVOLUME /data\n`);
    const box = await fixture.box({ snapshot: name });
    const [mount] = (await subject.docker.getContainer(box).inspect()).Mounts;
    await fixture.provider.destroy(box);
    const { Volumes: volumes } = await subject.docker.listVolumes();
    expect(mount?.Name).toBeDefined();
    expect(volumes.map(({ Name }) => Name)).not.toContain(mount?.Name);
  });

  test('is not disturbed by a health check of its image', async () => {
    const name = fixture.snapshotName();
    await fixture.build(name, `FROM ${subject.baseImage}\nHEALTHCHECK --interval=1s CMD touch /checked\n`);
    const box = await fixture.box({ snapshot: name });
    expect((await subject.docker.getContainer(box).inspect()).State.Health).toBeUndefined();
  });

  test('is finished by whoever comes after its maker died half-way', async () => {
    const engine = openEngine(subject);
    const request = fixture.request({ files: [{ path: '/work/file', content: 'put in' }] });
    await makeContainer(
      engine,
      request.name,
      boxSettings(engine, request, { cpuCores: 1, network: 'none', hosts: [] }),
    );
    await subject.another().create(request);
    expect(await fixture.read(request.name, 'cat file')).toBe('put in');
  });

  test('works for the user that its image names', async () => {
    const name = fixture.snapshotName();
    await fixture.build(name, `FROM ${subject.baseImage}\nRUN useradd -m joe\nUSER joe\n`);
    const box = await fixture.box({ snapshot: name });
    const { end, text } = await fixture.run(box, 'id -un; sleep 1; echo late');
    expect(text).toBe('joe\nlate\n');
    expect(end).toMatchObject({ kind: 'exited', exitCode: 0, peakMemoryBytes: expect.any(Number) });
    await fixture.provider.quiesce(box, never());
    expect(await fixture.read(box, 'id -un')).toBe('root');
  });

  test('works with no more than busybox in its image', async () => {
    const busybox = findProgram('busybox', process.env);
    if (!busybox) throw new Error('this test needs busybox: apt-get install busybox-static');
    const name = fixture.snapshotName();
    const { facts } = await fixture.provider.ensureSnapshot({
      name,
      dockerfile: 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n',
      context: async () => tarOf({ busybox: await readFile(busybox) }, 0o755),
      force: false,
      onLog: () => {},
      signal: never(),
    });
    expect(facts).toMatchObject({ hasShell: true, hasBash: false, libc: 'none' });
    const box = await fixture.box({ snapshot: name });
    const line = 'echo out; echo err >&2; sleep 1; head -c 2000000 /dev/zero; exit 7';
    const { end, output } = await fixture.run(box, line, { id: 'busy' });
    expect(end).toMatchObject({ kind: 'exited', exitCode: 7, oomKills: 0, outputBytes: 2_000_008 });
    expect(output).toEqual(Buffer.concat([Buffer.from('out\nerr\n'), Buffer.alloc(2_000_000)]));
    const again = await fixture.run(box, line, { id: 'busy', offset: 1_500_000 });
    expect(again.output).toEqual(Buffer.alloc(500_008));
    await fixture.provider.quiesce(box, never());
  });

  test('says what is missing where its image has no shell', async () => {
    const name = fixture.snapshotName();
    await fixture.build(name, 'FROM scratch\nCOPY file /\n', { file: '' });
    const box = await fixture.box({ snapshot: name });
    await expect(fixture.run(box, 'true')).rejects.toMatchObject({
      failureClass: 'sandbox_failed',
      message: expect.stringContaining('/bin/sh'),
    });
  });
});

describe('a toolbox', () => {
  let toolbox: Toolbox;
  beforeAll(async () => {
    const directory = await mkdtemp(join(tmpdir(), 'harbor-toolbox-'));
    await mkdir(join(directory, 'bin'));
    await writeFile(join(directory, 'bin', 'tool'), '#!/bin/sh\necho the tool\n', { mode: 0o755 });
    await writeFile(join(directory, 'large'), Buffer.alloc(20_000_000, 1));
    await symlink('bin/tool', join(directory, 'link'));
    toolbox = { name: 'contract', hash: subject.installation, directory };
  });
  afterAll(async () => {
    await rm(toolbox.directory, { recursive: true });
    await subject.docker.getVolume(`harbor-toolbox-contract-${toolbox.hash}`).remove();
  });

  test('is there, executable and read-only, in every sandbox that asks for it', async () => {
    const boxes = await Promise.all([1, 2].map(() => fixture.box({ toolboxes: [toolbox] })));
    for (const box of boxes) {
      const look = 'cd /opt/harbor/agents/contract && ./link && wc -c < large && touch x 2>&1 | grep -o Read-only';
      expect(await fixture.read(box, look)).toBe('the tool\n20000000\nRead-only');
      await fixture.provider.destroy(box);
    }
  });

  test('is filled again when somebody removed it', async () => {
    await subject.docker.getVolume(`harbor-toolbox-contract-${toolbox.hash}`).remove();
    const box = await fixture.box({ toolboxes: [toolbox] });
    expect(await fixture.read(box, '/opt/harbor/agents/contract/bin/tool')).toBe('the tool');
    await fixture.provider.destroy(box);
  });

  test('needs no helper once it is whole', async () => {
    const helpers = {
      all: true,
      filters: { label: [`harbor.installation=${subject.installation}`, 'harbor.kind=helper'] },
    };
    expect(await subject.docker.listContainers(helpers)).toEqual([]);
  });
});
