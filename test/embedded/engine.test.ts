import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ensureBaseImage } from '../../src/embedded/base-image.ts';
import { describeMiss, findEngine } from '../../src/embedded/engine.ts';
import { ensureEngine } from '../../src/embedded/ensure-engine.ts';
import { silent } from '../../src/embedded/progress.ts';
import { temporaryFolder } from './support/temporary.ts';

const { signal } = new AbortController();

test('the running engine is found and described', async () => {
  const engine = await ensureEngine(process.env, silent, signal);
  expect(engine).toMatchObject({
    kind: expect.stringMatching(/docker|podman/),
    version: expect.stringMatching(/^\d+\./),
  });
});

test('the engine has the base image afterwards', async () => {
  const engine = await ensureEngine(process.env, silent, signal);
  const ensure = (): Promise<unknown> => ensureBaseImage({ engine, env: process.env, progress: silent, signal });
  expect(await ensure()).toEqual(await ensure());
});

test('DOCKER_HOST alone is asked where it is set', async () => {
  const socket = join(await temporaryFolder(), 'none.sock');
  const { engine, misses } = await findEngine({ DOCKER_HOST: `unix://${socket}` }, signal);
  expect(engine).toBeUndefined();
  expect(misses.map(describeMiss)).toEqual([`nothing listens on ${socket}`]);
});

test('where DOCKER_HOST names an engine that is away, nothing is installed in its place', async () => {
  const env = { DOCKER_HOST: 'tcp://127.0.0.1:1' };
  await expect(ensureEngine(env, silent, signal)).rejects.toMatchObject({
    failureClass: 'sandbox_failed',
    remedy: expect.stringContaining('DOCKER_HOST'),
  });
});

test.for(['ssh://machine', 'npipe:////./pipe/docker', 'nonsense'])('DOCKER_HOST=%s is refused', async (value) => {
  await expect(findEngine({ DOCKER_HOST: value }, signal)).rejects.toMatchObject({ failureClass: 'invalid_request' });
});

test('something else than an engine on its socket is told in its own words', async () => {
  const socketPath = join(await temporaryFolder(), 'other.sock');
  const server = createServer((_request, response) => response.writeHead(503).end('{"message":"not today"}'));
  onTestFinished(() => {
    server.close();
  });
  await once(server.listen(socketPath), 'listening');
  const { misses } = await findEngine({ DOCKER_HOST: `unix://${socketPath}` }, signal);
  expect(misses.map(describeMiss)).toEqual([expect.stringContaining('answers 503 to /version: not today')]);
});
