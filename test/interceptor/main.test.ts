import { readFile, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { ownIdentity } from '../../src/embedded/process-identity.ts';
import { journalDirectory, runInterceptor } from '../../src/interceptor/main.ts';
import { readState } from '../../src/interceptor/state-file.ts';
import { parseJson } from '../../src/model/json.ts';
import { fileBlobs } from '../../src/store/file-blobs.ts';
import { ask, begin, collect } from './support/client.ts';
import { never, realKey, startTestInterceptor, temporaryFolder, testSecret } from './support/interceptor.ts';
import { endAttempt, memorySink, runProjector } from './support/projection.ts';
import { sendText, startUpstream } from './support/upstream.ts';

test('while it serves, a file says who it is; when it has stopped, none does', async () => {
  const { directory, running } = await startTestInterceptor();
  const { pid, start: startTime } = ownIdentity();
  expect(await readState(directory)).toEqual({ ...running.state, pid, startTime, mode: 'scripted' });
  await running.stop();
  expect(await readState(directory)).toBeUndefined();
});

test('it is live as soon as one provider has a key', async () => {
  const { running } = await startTestInterceptor({ upstream: 'http://127.0.0.1:9' });
  expect(running.state.mode).toBe('live');
});

test('it ends with its signal', async () => {
  const ending = new AbortController();
  const directory = await temporaryFolder();
  const running = runInterceptor(
    {
      directory,
      publicPort: 0,
      publicHosts: ['127.0.0.1'],
      adminPort: 0,
      installationSecret: testSecret,
      upstreams: {},
      onError: (error) => {
        throw error;
      },
    },
    ending.signal,
  );
  await expect.poll(() => readState(directory)).toBeDefined();
  ending.abort();
  await running;
  expect(await readState(directory)).toBeUndefined();
});

test('a second one on the same ports fails and leaves the first one’s files alone', async () => {
  const first = await startTestInterceptor();
  const { directory, running } = first;
  const { adminPort } = running.state;
  const before = await readdir(directory, { recursive: true });
  await expect(startTestInterceptor({ directory, adminPort })).rejects.toThrow(`port ${adminPort}`);
  expect(await readdir(directory, { recursive: true })).toEqual(before);
  await expect(first.grant()).resolves.toBeDefined();
});

test('when it stops, calls under way are cut and recorded as killed', async () => {
  const upstream = await startUpstream((response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('half');
  });
  const interceptor = await startTestInterceptor({ upstream: upstream.baseUrl });
  const token = await interceptor.grant();
  const { answer } = await begin({ url: `${interceptor.url}/v1/responses`, token, body: ['{}'] });
  const collected = collect(answer);
  await interceptor.running.stop();
  expect((await collected).isWhole).toBe(false);
  const sink = memorySink();
  const { projector } = runProjector(journalDirectory(interceptor.directory), sink, fileBlobs(await temporaryFolder()));
  await projector.drain({ journal: interceptor.running.state.journal, offset: 0 }, never);
  await expect
    .poll(() => [...sink.calls.values()])
    .toMatchObject([{ status: 'killed', error: 'the interceptor was stopped' }]);
});

test('its uptime file tells when it was up, a crash included', async () => {
  const { directory, running } = await startTestInterceptor();
  const file = join(directory, 'uptime.jsonl');
  const events = async () => {
    const lines = (await readFile(file, 'utf8')).trim().split('\n');
    return lines.map((line) => parseJson(line, z.json()));
  };
  await running.stop();
  expect(await events()).toMatchObject([{ event: 'start' }, { event: 'stop' }]);

  const second = await startTestInterceptor({ directory });
  const asCrashed = await readFile(file);
  await second.running.stop();
  await writeFile(file, asCrashed);
  const lastMark = new Date('2026-01-01T00:00:00.000Z');
  await utimes(file, lastMark, lastMark);
  await startTestInterceptor({ directory });
  expect((await events()).slice(2)).toMatchObject([
    { event: 'start' },
    { event: 'stop', at: lastMark.toISOString(), crashed: true },
    { event: 'start' },
  ]);
});

test('the real key is in the upstream’s request and in no file', async () => {
  const upstream = await startUpstream((response) => sendText(response, '{}'));
  const interceptor = await startTestInterceptor({ upstream: upstream.baseUrl });
  const token = await interceptor.grant();
  await ask({ url: `${interceptor.url}/v1/responses`, token, body: ['{"model":"gpt-4.1-mini"}'] });
  expect(upstream.requests[0]?.headers.authorization).toBe(`Bearer ${realKey}`);
  const files = await readdir(interceptor.directory, { recursive: true, withFileTypes: true });
  const texts = files
    .filter((entry) => entry.isFile())
    .map((entry) => readFile(join(entry.parentPath, entry.name), 'latin1'));
  expect((await Promise.all(texts)).filter((text) => text.includes(realKey) || text.includes(token))).toEqual([]);
  await endAttempt(interceptor);
});
