import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { beforeAll, describe, expect, test } from 'vitest';
import { readTarFiles } from '../../src/activities/tar-files.ts';
import { deploy, plainDockerfile } from '../support/project.ts';
import { ended, rollOut, start, useServer } from '../support/running.ts';

const server = useServer();

/** Writes by its seed. */
const agent = `#!/bin/sh
case $HARBOR_SEED in
1)
  mkdir -p out/deep /var/report
  echo one > out/one.txt; echo two > out/deep/two.txt; ln -s /etc/passwd out/link
  echo '<html>' > /var/report/index.html
  ln -s out/one.txt pointer
  head -c 300000000 /dev/zero > huge.bin ;;
2) head -c 500000000 /dev/urandom | base64 -w 200; echo the end ;;
esac
echo '{"metrics":{"reward_mean":1}}' > /tmp/result.json
`;

beforeAll(async () => {
  const files = { 'run.sh': agent };
  await deploy(server(), { name: 'writer', dockerfile: plainDockerfile, entrypoint: '/app/run.sh' }, files);
});

const content = (id: string, name: string) => buffer(Readable.from(server().client.artifact(id, 1, name)));

describe('what a rollout leaves', () => {
  test('is kept where it was asked for, listed with its hash, and left out where it is too large', async () => {
    const artifacts = ['out', '/var/report/index.html', 'nothing/there', 'pointer', 'huge.bin'];
    const { id } = await rollOut(server(), 'writer', { env: { seed: 1 }, artifacts });
    const listed = await server().client.artifacts(id);
    expect(listed).toMatchObject([
      { name: 'files/app/huge.bin', size_bytes: 0, sha256: null, url: null, omitted: expect.stringMatching(/larger/) },
      { name: 'files/app/out.tar', content_type: 'application/x-tar', omitted: null },
      { name: 'files/app/pointer', url: null, omitted: 'it is a symlink, not a file' },
      { name: 'files/var/report/index.html', size_bytes: 7, omitted: null },
      { name: 'result.json', content_type: 'application/json' },
      { name: 'workdir.diff' },
    ]);
    expect((await content(id, 'files/var/report/index.html')).toString()).toBe('<html>\n');
    const tar = await content(id, 'files/app/out.tar');
    expect(createHash('sha256').update(tar).digest('hex')).toBe(listed[1]?.sha256);
    const files = await readTarFiles(Readable.from([tar]), { fileBytes: 1000, files: 10 });
    expect([...files].map(([name, bytes]) => [name, bytes.toString()])).toEqual([
      ['deep/two.txt', 'two\n'],
      ['one.txt', 'one\n'],
    ]);
  });
});

describe('an output of hundreds of megabytes', () => {
  test('is followed to its end, and kept with its middle left out', { timeout: 240_000 }, async () => {
    const id = await start(server(), 'writer', { env: { seed: 2 } });
    const { reward_info: earned } = await ended(server(), id, 200);
    expect(earned.outcome_reward).toBe(1);
    const log = await text(server().client.rolloutLog(id));
    // 500 MB in base64, a line end for each 200 characters, and the last line.
    const encoded = Math.ceil(500_000_000 / 3) * 4;
    const total = encoded + Math.ceil(encoded / 200) + 'the end\n'.length;
    const room = 64 * 2 ** 20;
    expect(log).toContain(`\n--- ${total - room} bytes are left out here ---\n`);
    expect(log.endsWith('\nthe end\n')).toBe(true);
    expect(log.length).toBeLessThan(room + 100);
    const [artifact] = await server().client.artifacts(id);
    expect(artifact).toMatchObject({ name: 'logs/agent.log', size_bytes: log.length, sha256: expect.any(String) });
    const events = await Array.fromAsync(server().client.events(id));
    expect(events.length).toBeLessThan(20_100);
    expect(events.at(-1)).toMatchObject({ type: 'status', status: 'completed' });
  });
});
