import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { interceptorAdmin } from '../../src/interceptor/admin-client.ts';
import { journalDirectory } from '../../src/interceptor/main.ts';
import { mintToken } from '../../src/interceptor/tokens.ts';
import { fileBlobs } from '../../src/store/file-blobs.ts';
import { ask } from './support/client.ts';
import { never, realKey, temporaryFolder, testSecret } from './support/interceptor.ts';
import { spawnInterceptor } from './support/process.ts';
import { memorySink, runProjector } from './support/projection.ts';
import { startUpstream } from './support/upstream.ts';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

test('kill -9 under load: every call that reached the upstream has a record, and grants live on', async () => {
  const upstream = await startUpstream(async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (let at = 0; at < 20 && !response.destroyed; at++) {
      response.write(`data: {"id":"chatcmpl-${at}","choices":[]}\n\n`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.end('data: [DONE]\n\n');
  });
  const directory = await temporaryFolder();
  const ports = { publicPort: await freePort(), adminPort: await freePort() };
  const env = { OPENAI_API_KEY: realKey, OPENAI_BASE_URL: upstream.baseUrl };
  const admin = interceptorAdmin({ adminPort: ports.adminPort, installationSecret: testSecret });
  const token = mintToken(testSecret, 'rollout-1', 1);
  let child = await spawnInterceptor({ directory, ...ports }, env);
  await admin.grant({ rolloutId: 'rollout-1', attempt: 1, models: [], script: null }, never);

  let sent = 0;
  const work = new AbortController();
  const agent = async () => {
    while (!work.signal.aborted) {
      const body = [`{"model":"gpt-4.1-mini","stream":true,"call":${sent++}}`];
      await ask({ url: `http://127.0.0.1:${ports.publicPort}/v1/chat/completions`, token, body }).catch(
        () => undefined,
      );
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const agents = Array.from({ length: 8 }, agent);
  for (const round of [1, 2, 3]) {
    await expect.poll(() => upstream.requests.length, { timeout: 30_000 }).toBeGreaterThan(round * 40);
    child.kill('SIGKILL');
    await once(child, 'exit');
    child = await spawnInterceptor({ directory, ...ports }, env);
  }
  const restarted = upstream.requests.length;
  await expect.poll(() => upstream.requests.length, { timeout: 30_000 }).toBeGreaterThan(restarted + 40);
  work.abort();
  await Promise.all(agents);

  const sink = memorySink();
  const blobs = fileBlobs(await temporaryFolder());
  const { projector } = runProjector(journalDirectory(directory), sink, blobs);
  await projector.drain(await admin.revoke('rollout-1', 1, never), never);
  // A crash in the middle of the first write leaves a call without its request: it reached nobody.
  const requests = [...sink.calls.values()].flatMap(({ requestRef }) => requestRef ?? []);
  const recorded = await Promise.all(requests.map(async (ref) => String(await blobs.get(ref))));
  const reached = upstream.requests.map(({ body }) => String(body));
  expect(reached.filter((body) => !recorded.includes(body))).toEqual([]);
  expect(new Set(recorded).size).toBe(recorded.length);
  const statuses = [...sink.calls.values()].map(({ status }) => status);
  expect(statuses).toContain('killed');
  expect(statuses.filter((status) => status === 'ok').length).toBeGreaterThan(100);
});
