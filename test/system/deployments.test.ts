import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { deploy, eventually, plainDockerfile, upload, withFolder } from '../support/project.ts';
import { packContext } from '../../src/sdk/pack-context.ts';
import { rollOut, useServer } from '../support/running.ts';

const server = useServer();

const status = (name: string) => server().client.status(name);
const settled = (name: string) =>
  eventually(`${name} to settle`, async () => {
    const now = await status(name);
    return (now.status === 'ready' || now.status === 'failed') && now;
  });

describe('a new content', () => {
  test('is built once, also when sixteen upload it at once', async () => {
    const names = Array.from({ length: 16 }, (_, index) => `crowd-${index}`);
    const files = { 'a.txt': 'the same for all', 'b/c.txt': 'too' };
    await Promise.all(
      names.map((name) => upload(server(), { name, dockerfile: `${plainDockerfile}RUN echo built\n` }, files)),
    );
    const ended = await Promise.all(names.map((name) => settled(name)));
    expect(new Set(ended.map((one) => one.status))).toEqual(new Set(['ready']));
    expect(new Set(ended.map((one) => one.snapshot_id)).size).toBe(1);
    const logs = await Promise.all(
      ended.map(async ({ name, builds: [build] }) =>
        build?.cached ? '' : text(server().client.buildLog(name, build?.id ?? '')),
      ),
    );
    expect(new Set(logs.filter((log) => log !== '')).size).toBe(1);
  });

  test('has a log that can be followed while it is made', async () => {
    const { latest_build } = await upload(
      server(),
      { name: 'followed', dockerfile: 'FROM debian:bookworm-slim\nRUN echo first; sleep 1; echo second\n' },
      {},
    );
    const log = await text(server().client.buildLog('followed', latest_build?.id ?? '', { follow: true }));
    expect(log).toMatch(/first[\s\S]*second/);
    expect(await status('followed')).toMatchObject({ status: 'ready' });
  });
});

describe('a known content', () => {
  test('under another name is ready without a build', async () => {
    const files = { 'known.txt': 'known' };
    const first = await deploy(server(), { name: 'known', dockerfile: plainDockerfile }, files);
    const second = await deploy(server(), { name: 'known-too', dockerfile: plainDockerfile }, files);
    expect(second.snapshot_id).toBe(first.snapshot_id);
    expect(second.latest_build).toMatchObject({ status: 'completed', cached: true });
  });

  test('with other tests is not built again', async () => {
    const task = (tests: string) => ({ 'tasks/1/instruction.md': 'Do it.', 'tasks/1/tests/test.sh': tests });
    const first = await deploy(server(), { name: 'tests-1', dockerfile: plainDockerfile }, task('exit 0'));
    const second = await deploy(server(), { name: 'tests-2', dockerfile: plainDockerfile }, task('exit 1'));
    expect(second.snapshot_id).toBe(first.snapshot_id);
  });

  test('is built anew when that is forced', async () => {
    const first = await deploy(server(), { name: 'forced', dockerfile: plainDockerfile }, { 'f.txt': 'f' });
    await server().client.build('forced', { force: true });
    const second = await settled('forced');
    expect(second.status).toBe('ready');
    expect(second.snapshot_id).not.toBe(first.snapshot_id);
    expect(second.builds[0]).toMatchObject({ cached: false });
  });
});

describe('a failed build', () => {
  test('says what failed, with the end of its log, and a mended one works', async () => {
    await upload(
      server(),
      { name: 'broken', dockerfile: 'FROM debian:bookworm-slim\nRUN echo about to fail; exit 9\n' },
      {},
    );
    const failed = await settled('broken');
    expect(failed.status).toBe('failed');
    expect(failed.error).toMatch(/exit 9/);
    expect(failed.error).toMatch(/about to fail/);
    expect(failed.builds[0]).toMatchObject({ status: 'failed', error_message: failed.error });

    await server().client.build('broken', { dockerfile: 'FROM debian:bookworm-slim\nRUN echo mended\n' });
    expect(await settled('broken')).toMatchObject({ status: 'ready' });
  });

  test('of an unknown base image names it', async () => {
    await upload(server(), { name: 'baseless', dockerfile: 'FROM no-such-image.invalid/x:1\n' }, {});
    const failed = await settled('baseless');
    expect(failed.status).toBe('failed');
    expect(failed.error).toContain('no-such-image.invalid/x:1');
  });

  test('leaves its name to a new upload', async () => {
    await upload(server(), { name: 'again', dockerfile: 'FROM debian:bookworm-slim\nRUN exit 9\n' }, {});
    await settled('again');
    await deploy(server(), { name: 'again', dockerfile: plainDockerfile }, {});
    expect(await status('again')).toMatchObject({ status: 'ready', generation: 2 });
  });
});

describe('a taken name', () => {
  test('is refused, with the way on', async () => {
    await deploy(server(), { name: 'taken', dockerfile: plainDockerfile }, {});
    await expect(upload(server(), { name: 'taken', dockerfile: plainDockerfile }, {})).rejects.toMatchObject({
      status: 409,
      remedy: expect.stringContaining('/api/harbor/deployments/taken/build'),
    });
  });
});

describe('a rebuild with new content', () => {
  test('is what later rollouts run on', async () => {
    const say = (reward: number) => ({
      'run.sh': `#!/bin/sh\necho '{"metrics":{"reward_mean":${reward}}}' > /tmp/result.json\n`,
    });
    await deploy(server(), { name: 'grown', dockerfile: plainDockerfile, entrypoint: '/app/run.sh' }, say(0.1));
    expect((await rollOut(server(), 'grown')).reward_info.outcome_reward).toBe(0.1);
    await withFolder(say(0.2), async (folder) => {
      await using context = await packContext(folder);
      await server().client.build('grown', {}, context.file);
    });
    expect(await settled('grown')).toMatchObject({ status: 'ready', generation: 2 });
    expect((await rollOut(server(), 'grown')).reward_info.outcome_reward).toBe(0.2);
  });
});
