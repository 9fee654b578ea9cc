import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Awaited, type Fixture, never } from './subject.ts';

/** What becomes of a sandbox between its making and its end. */
export function lifecycleContract(fixture: Fixture): void {
  describe('a sandbox', () => {
    test('runs once it is made, with what was granted', async () => {
      const request = fixture.request({ cpuCores: 1, egress: 'open' });
      const made = await fixture.provider.create(request);
      expect(made).toMatchObject({ name: request.name, state: 'running', cpuCores: 1, memoryMb: 256 });
      expect(made.interceptorUrl).toBe(fixture.provider.interceptorUrl('open'));
      expect(await fixture.provider.find(request.name, never())).toEqual(made);
    });

    test('is granted no more cores than there are', async () => {
      const { cpuCores } = await fixture.provider.create(fixture.request({ cpuCores: 4096 }));
      expect(cpuCores).toBeLessThan(4096);
    });

    test('holds its files before the first command', async () => {
      const box = await fixture.box({
        files: [
          { path: '/opt/new/folder/', content: '', mode: 0o700, uid: 1000 },
          { path: '/opt/new/script', content: '#!/bin/sh\necho ran\n', mode: 0o755 },
          { path: '/home/joe/hers', content: Buffer.from([0, 255]), uid: 1000 },
        ],
        workdir: '/opt',
      });
      expect(
        await fixture.read(box, 'pwd; /opt/new/script; stat -c "%A %U %s" new/folder /home/joe/hers | cut -c1-20'),
      ).toBe('/opt\nran\ndrwx------ joe 4096\n-rw-r--r-- joe 2');
    });

    test('that exists is adopted, with all that happened in it', async () => {
      const request = fixture.request({ files: [{ path: '/work/file', content: 'as made' }] });
      const { providerRef } = await fixture.provider.create(request);
      await fixture.read(request.name, 'echo changed > file');
      expect((await fixture.provider.create(request)).providerRef).toBe(providerRef);
      expect(await fixture.read(request.name, 'cat file')).toBe('changed');
    });

    test('is one where two make it at the same time', async () => {
      const request = fixture.request();
      const [one, other] = await Promise.all([fixture.provider.create(request), fixture.provider.create(request)]);
      expect(one.providerRef).toBe(other.providerRef);
      expect(await fixture.read(request.name, 'echo runs')).toBe('runs');
    });

    test('is not adopted by somebody with other labels', async () => {
      const name = await fixture.box();
      const request = fixture.request({ name, labels: { 'harbor.rollout': 'another one' } });
      await expect(fixture.provider.create(request)).rejects.toMatchObject({ failureClass: 'sandbox_failed' });
    });

    test('needs its snapshot', async () => {
      await expect(fixture.box({ snapshot: 'no-such-snapshot' })).rejects.toMatchObject({
        failureClass: 'sandbox_failed',
        remedy: expect.stringContaining('build'),
      });
    });

    test('is found by nobody once it is destroyed, which may be repeated', async () => {
      const name = await fixture.box();
      await Promise.all([fixture.provider.destroy(name), fixture.provider.destroy(name)]);
      await fixture.provider.destroy(name);
      expect(await fixture.provider.find(name, never())).toBeUndefined();
      expect((await fixture.provider.list(never())).map((listed) => listed.name)).not.toContain(name);
    });

    test('is in the list, with its labels and the time of its making', async () => {
      const name = await fixture.box({ labels: { 'harbor.rollout': 'listed', 'harbor.attempt': '2' } });
      const listed = (await fixture.provider.list(never())).find((entry) => entry.name === name);
      expect(listed?.labels).toMatchObject({ 'harbor.rollout': 'listed', 'harbor.attempt': '2' });
      expect(Math.abs(Date.now() - (listed?.createdAt.getTime() ?? 0))).toBeLessThan(60_000);
    });
  });

  describe('a paused sandbox', () => {
    test('goes on where it was, for who follows it and for who comes meanwhile', async () => {
      const box = await fixture.box();
      const id = randomUUID();
      const line = 'echo begun; until [ -e thawed ]; do sleep 0.1; done; echo over';
      const begun = new Awaited('begun');
      const follower = fixture.run(box, line, { id, onOutput: begun.listen });
      await begun.heard;
      await fixture.provider.pause(box);
      await fixture.provider.pause(box);
      expect(await fixture.provider.find(box, never())).toMatchObject({ state: 'paused' });
      const newcomer = fixture.run(box, line, { id });
      await fixture.provider.resume(box);
      await fixture.provider.resume(box);
      await fixture.read(box, 'touch thawed');
      await follower;
      expect(begun.text).toBe('begun\nover\n');
      expect((await newcomer).text).toBe('begun\nover\n');
    });

    test('runs again when it is adopted', async () => {
      const request = fixture.request();
      await fixture.provider.create(request);
      await fixture.provider.pause(request.name);
      expect(await fixture.provider.create(request)).toMatchObject({ state: 'running' });
      expect(await fixture.read(request.name, 'echo runs')).toBe('runs');
    });
  });

  describe('a sandbox that is lost under a command', () => {
    const lost = { failureClass: 'sandbox_lost' };

    test('because it was destroyed, is lost', async () => {
      const box = await fixture.box();
      const begun = new Awaited('begun');
      const running = fixture.run(box, 'echo begun; sleep 1000', { onOutput: begun.listen });
      const ended = running.catch((error: unknown) => error);
      await begun.heard;
      await fixture.provider.destroy(box);
      expect(await ended).toMatchObject(lost);
    });

    test('because something in it killed everything, is lost', async () => {
      await expect(fixture.run(await fixture.box(), 'kill -9 -1')).rejects.toMatchObject(lost);
    });

    test('or never was, is lost', async () => {
      await expect(fixture.run('contract-never-made', 'true')).rejects.toMatchObject(lost);
    });
  });
}
