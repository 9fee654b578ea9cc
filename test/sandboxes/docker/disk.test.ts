import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DockerSubject, dockerSubject } from '../../contract/docker-subject.ts';
import { Fixture, never, tarOf } from '../../contract/subject.ts';

let subject: DockerSubject;
const fixture = new Fixture(async () => (subject = await dockerSubject({ disk: { intervalMs: 200 } })));
beforeAll(() => fixture.open());
afterAll(() => fixture.close());

describe('a sandbox on its disk', () => {
  const fill = 'head -c 60000000 /dev/zero > /filling; sleep 1000';

  test('is ended when it has written more than its limit', async () => {
    const box = await fixture.box({ diskMb: 20 });
    const error: unknown = await fixture.run(box, fill).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      failureClass: 'disk_full',
      message: expect.stringMatching(/has written \d+ MiB; its limit is 20 MiB/),
    });
    expect(await fixture.provider.find(box, never())).toMatchObject({ state: 'stopped' });
  });

  test('is ended when it has written more than its limit into a volume of its image', async () => {
    const name = fixture.snapshotName();
    await fixture.build(name, `FROM ${subject.baseImage}\nVOLUME /data\n`);
    const box = await fixture.box({ snapshot: name, diskMb: 20 });
    await expect(fixture.run(box, fill.replace('/filling', '/data/filling'))).rejects.toMatchObject({
      failureClass: 'disk_full',
    });
  });

  test('below its limit is left alone', async () => {
    const box = await fixture.box({ diskMb: 100 });
    expect((await fixture.run(box, fill.replace('1000', '1'))).end).toMatchObject({ exitCode: 0 });
  });

  test('that has written the most is ended when the disk of the engine is nearly full', async () => {
    const crowded = await dockerSubject({ disk: { intervalMs: 200, floorBytes: 2 ** 60 } });
    const [large, small] = [fixture.request(), fixture.request()];
    try {
      for (const request of [large, small]) await crowded.provider.create(request);
      await crowded.provider.put(large.name, '/work', tarOf({ filling: Buffer.alloc(20_000_000) }), never());
      const run = (name: string): Promise<unknown> =>
        crowded.provider
          .run(name, {
            id: 'sleeping',
            argv: ['sleep', '1000'],
            env: {},
            offset: 0,
            onOutput: () => {},
            signal: never(),
          })
          .catch((error: unknown) => error);
      const first = await Promise.race([large, small].map(({ name }) => run(name)));
      expect(first).toMatchObject({ failureClass: 'disk_full', message: expect.stringContaining(large.name) });
    } finally {
      for (const { name } of [large, small]) await crowded.provider.destroy(name);
      await crowded.close([]);
    }
  });
});
