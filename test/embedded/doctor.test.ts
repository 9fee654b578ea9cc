import { randomBytes } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { runDoctor } from '../../src/cli/doctor.ts';
import { lockHome, openHome } from '../../src/embedded/home.ts';
import { fileBlobs } from '../../src/store/file-blobs.ts';
import { parseJson } from '../../src/model/json.ts';
import { temporaryFolder } from './support/temporary.ts';

const reportSchema = z.object({
  healthy: z.boolean(),
  checks: z.array(
    z.object({ name: z.string(), status: z.string(), detail: z.string(), remedy: z.string().optional() }),
  ),
});

async function doctor(env: NodeJS.ProcessEnv, json: boolean): Promise<{ code: number; output: string }> {
  const output = new PassThrough();
  const code = await runDoctor({ json, env, output, signal: new AbortController().signal });
  output.end();
  return { code, output: await text(output) };
}

async function report(env: NodeJS.ProcessEnv): Promise<{ code: number; of: (name: string) => unknown }> {
  const { code, output } = await doctor(env, true);
  const { checks } = parseJson(output, reportSchema);
  return { code, of: (name) => checks.find((check) => check.name === name) };
}

/** A machine with nothing of its own but this one's engine. */
async function bare(): Promise<NodeJS.ProcessEnv> {
  const folder = await temporaryFolder();
  return { PATH: '/nowhere', HARBOR_CACHE: join(folder, 'cache'), HARBOR_HOME: join(folder, 'home') };
}

test('what is missing is told with what to do, and is an exit code', async () => {
  const { code, of } = await report(await bare());
  expect(code).toBe(1);
  expect(of('Temporal')).toMatchObject({ status: 'missing', remedy: 'Run `harbor setup`.' });
});

test('an engine that is not there is missing', async () => {
  const { of } = await report({ ...(await bare()), DOCKER_HOST: 'unix:///nowhere/docker.sock' });
  expect(of('Container engine')).toMatchObject({
    status: 'missing',
    detail: 'nothing listens on /nowhere/docker.sock',
  });
});

test('what is fetched when first used does not count as missing', async () => {
  const { code, of } = await report({ ...(await bare()), TEMPORAL_ADDRESS: 'temporal.example:7233' });
  expect([code, of('Agent codex')]).toEqual([0, expect.objectContaining({ status: 'missing' })]);
});

test('a held data folder tells who holds it', async () => {
  const env = await bare();
  const home = await openHome(env['HARBOR_HOME'] ?? '');
  await lockHome(home.path);
  const { of } = await report(env);
  expect(of('Server')).toMatchObject({ detail: expect.stringContaining(`process ${process.pid}`) });
});

test('looking changes nothing', async () => {
  const env = await bare();
  const first = await doctor(env, true);
  expect(await doctor(env, true)).toEqual(first);
});

test('a key is named, never shown', async () => {
  const { output } = await doctor({ ...(await bare()), OPENAI_API_KEY: 'sk-test-never-to-be-seen' }, false);
  expect(output).toContain('live: OPENAI_API_KEY');
  expect(output).not.toContain('sk-test-never-to-be-seen');
});

test('what Harbor takes of the disk is told by kind, against what it may', async () => {
  const env = await bare();
  expect((await report(env)).of('Disk: blobs')).toBeUndefined();
  const home = await openHome(env['HARBOR_HOME'] ?? '');
  const blobs = fileBlobs(join(home.path, 'blobs'));
  await blobs.put(Buffer.from('one'));
  await blobs.put(randomBytes(2_000_000));
  const { of } = await report({ ...env, HARBOR_BUILD_CACHE_GB: '1000000' });
  expect(of('Disk: blobs')).toMatchObject({ status: 'ok', detail: expect.stringMatching(/^2\.0 MB in 2 files/) });
  expect(of('Disk: Temporal')).toMatchObject({ detail: '0 bytes in 0 files: its histories' });
  expect(of('Disk: snapshots')).toMatchObject({ detail: expect.stringContaining('HARBOR_SNAPSHOTS_GB is not set') });
  expect(of('Disk: build cache')).toMatchObject({
    status: 'ok',
    detail: expect.stringContaining('(HARBOR_BUILD_CACHE_GB)'),
  });
  expect(of('Disk: toolboxes')).toMatchObject({ detail: expect.stringContaining(' volume') });
  expect(of('Disk of the engine')).toMatchObject({ detail: expect.stringContaining('free') });
});

test('a setting that does not hold is told like anything else', async () => {
  const env = await bare();
  await openHome(env['HARBOR_HOME'] ?? '');
  const { of } = await report({ ...env, HARBOR_SNAPSHOTS_GB: 'many' });
  expect(of('Settings')).toMatchObject({ status: 'problem', detail: expect.stringContaining('HARBOR_SNAPSHOTS_GB') });
});
