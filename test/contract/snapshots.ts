import { describe, expect, test } from 'vitest';
import type { SnapshotRequest } from '../../src/sandboxes/provider.ts';
import { Awaited, type Fixture, never, tarOf } from './subject.ts';

/** What the provider promises of snapshots. */
export function snapshotContract(fixture: Fixture): void {
  const request = (
    name: string,
    lines: readonly string[],
    options: Partial<SnapshotRequest> = {},
  ): SnapshotRequest => ({
    name,
    dockerfile: [`FROM ${fixture.subject.baseImage}`, ...lines, ''].join('\n'),
    context: async () => tarOf({}),
    force: false,
    onLog: () => {},
    signal: never(),
    ...options,
  });
  const ensure = (...args: Parameters<typeof request>) => fixture.provider.ensureSnapshot(request(...args));
  const random = 'RUN head -c 16 /dev/urandom | sha256sum > /random';
  const randomOf = async (name: string): Promise<string | undefined> =>
    (await fixture.provider.readSnapshot(name, ['/random'], never())).get('/random')?.toString();

  describe('a snapshot', () => {
    test('is built from its Dockerfile and its context, and says what it is', async () => {
      const name = fixture.snapshotName();
      const made = await ensure(
        name,
        [
          'ENV PATH=/opt/own/bin:$PATH',
          'COPY . /opt/own/',
          'RUN chmod +x /opt/own/bin/*',
          'WORKDIR /opt/own',
          'USER 1000',
        ],
        { context: async () => tarOf({ 'bin/run_rollout': '#!/bin/sh\n' }) },
      );
      expect(made).toMatchObject({
        name,
        facts: {
          architecture: process.arch,
          isForeign: false,
          libc: 'glibc',
          hasShell: true,
          hasBash: true,
          hasCxxLibraries: true,
          hasRunRollout: true,
          workdir: '/opt/own',
          user: '1000',
        },
      });
      expect(await fixture.provider.findSnapshot(name, never())).toEqual(made);
    });

    test('without shell and libraries is seen as such', async () => {
      const name = fixture.snapshotName();
      const { facts } = await fixture.build(name, 'FROM scratch\nCOPY file /\n', { file: '' });
      expect(facts).toMatchObject({
        libc: 'none',
        hasShell: false,
        hasBash: false,
        hasCxxLibraries: false,
        hasRunRollout: false,
        workdir: '/',
      });
    });

    test('with the loader of musl is seen as such', async () => {
      const name = fixture.snapshotName();
      const files = { 'ld-musl-x86_64.so.1': '', 'ld-musl-aarch64.so.1': '' };
      const { facts } = await fixture.build(name, 'FROM scratch\nCOPY . /lib/\n', files);
      expect(facts).toMatchObject({ libc: 'musl', hasCxxLibraries: false });
    });

    test('with the libraries that programs in C++ need is seen as such, and with but one of them not', async () => {
      const names = [fixture.snapshotName(), fixture.snapshotName()] as const;
      const [one, both] = [{ 'libstdc++.so.6': '' }, { 'libstdc++.so.6': '', 'libgcc_s.so.1': '' }];
      const lacking = await fixture.build(names[0], 'FROM scratch\nCOPY . /usr/lib/\n', one);
      const having = await fixture.build(names[1], 'FROM scratch\nCOPY . /usr/lib/\n', both);
      expect([lacking.facts.hasCxxLibraries, having.facts.hasCxxLibraries]).toEqual([false, true]);
    });

    test('adds nothing to a context that holds its Dockerfile', async () => {
      const name = fixture.snapshotName();
      const dockerfile = `FROM ${fixture.subject.baseImage}\nCOPY . /context/\n`;
      await fixture.build(name, dockerfile, { 'docker/Dockerfile': dockerfile, other: '' });
      const box = await fixture.box({ snapshot: name });
      expect(await fixture.read(box, 'cd /context && find . -type f | sort')).toBe('./docker/Dockerfile\n./other');
    });

    test('tells its log while it is built', async () => {
      const name = fixture.snapshotName();
      const log = new Awaited(`while building ${name}\n`);
      const building = ensure(name, [`RUN echo while building ${name}; sleep 1`], {
        onLog: (text) => log.listen(Buffer.from(text)),
      });
      const first = await Promise.race([log.heard.then(() => 'the log'), building.then(() => 'the end')]);
      expect(first).toBe('the log');
      await building;
    });

    test('that is there is not built again', async () => {
      const name = fixture.snapshotName();
      const { providerRef } = await ensure(name, [random]);
      const log: string[] = [];
      const again = await ensure(name, [random], { onLog: (text) => void log.push(text) });
      expect(again.providerRef).toBe(providerRef);
      expect(log).toEqual([]);
    });

    test('is built anew where that is forced', async () => {
      const name = fixture.snapshotName();
      const first = await ensure(name, [random]);
      const before = await randomOf(name);
      const second = await ensure(name, [random], { force: true });
      expect(await randomOf(name)).not.toBe(before);
      expect(second.providerRef).not.toBe(first.providerRef);
    });

    test('is built once for all who want it at the same time', async () => {
      const name = fixture.snapshotName();
      const lines = ['RUN sleep 1', `RUN echo ${name}`, random];
      const heard = [1, 2, 3].map(() => new Awaited(name));
      const made = await Promise.all(
        heard.map((log) => ensure(name, lines, { onLog: (text) => log.listen(Buffer.from(text)) })),
      );
      expect(new Set(made.map(({ providerRef }) => providerRef)).size).toBe(1);
      await Promise.all(heard.map((log) => log.heard));
    });

    test('whose build fails names the step and the reason, and has both in its log', async () => {
      const log: string[] = [];
      const failing = ensure(fixture.snapshotName(), ['RUN echo this went wrong; exit 3'], {
        onLog: (text) => void log.push(text),
      });
      await expect(failing).rejects.toMatchObject({ failureClass: 'build_failed' });
      await expect(failing).rejects.toThrow(/RUN echo this went wrong.*(exit code|non-zero code): 3/s);
      expect(log.join('')).toContain('this went wrong\n');
    });

    test('whose Dockerfile cannot be read fails to build', async () => {
      await expect(ensure(fixture.snapshotName(), ['NONSENSE'])).rejects.toMatchObject({
        failureClass: 'build_failed',
        message: expect.stringContaining('NONSENSE'),
      });
    });

    test('is not built on when nobody waits for it any more, and can be built later', async () => {
      const name = fixture.snapshotName();
      const begun = new Awaited('begun');
      const abort = new AbortController();
      const left = ensure(name, ['RUN echo begun; sleep 30'], {
        onLog: (text) => begun.listen(Buffer.from(text)),
        signal: abort.signal,
      });
      await begun.heard;
      abort.abort(new Error('changed our mind'));
      await expect(left).rejects.toThrow('changed our mind');
      expect(await fixture.provider.findSnapshot(name, never())).toBeUndefined();
      await ensure(name, ['RUN true']);
      expect(await fixture.provider.findSnapshot(name, never())).toMatchObject({ name });
    });

    test('is read file by file; what is no file, or not there, is left out', async () => {
      const files = await fixture.provider.readSnapshot(
        fixture.snapshot,
        ['/etc/hostname-no', '/etc', '/etc/passwd', '/etc/debian_version', '/bin/sh'],
        never(),
      );
      expect([...files.keys()].toSorted()).toEqual(['/etc/debian_version', '/etc/passwd']);
      expect(files.get('/etc/passwd')?.toString()).toContain('joe');
    });

    test('of an unknown name is not found', async () => {
      expect(await fixture.provider.findSnapshot('contract-never-built', never())).toBeUndefined();
    });
  });

  describe('a base image', () => {
    test('stands for the same thing as long as nobody changes it', async () => {
      const { baseImage } = fixture.subject;
      const [once, again] = [
        await fixture.provider.resolveImages([baseImage, baseImage], never()),
        await fixture.provider.resolveImages([baseImage], never()),
      ];
      expect([...once.keys()]).toEqual([baseImage]);
      expect(once).toEqual(again);
    });

    test('that is nowhere to be had is named', async () => {
      const image = 'localhost:1/no-such-image:1';
      await expect(fixture.provider.resolveImages([image], never())).rejects.toThrow(image);
    });
  });
}
