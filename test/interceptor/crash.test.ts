import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { interceptorAdmin } from '../../src/interceptor/admin-client.ts';
import { journalDirectory } from '../../src/interceptor/main.ts';
import { mintToken } from '../../src/interceptor/tokens.ts';
import { parseJson } from '../../src/model/json.ts';
import { fileBlobs } from '../../src/store/file-blobs.ts';
import { freePort } from '../embedded/support/temporary.ts';
import { ask } from './support/client.ts';
import { never, realKey, temporaryFolder, testSecret } from './support/interceptor.ts';
import { spawnInterceptor } from './support/process.ts';
import { memorySink, runProjector } from './support/projection.ts';
import { type UpstreamRequest, sendText, startUpstream } from './support/upstream.ts';

/** Each dialect as it is asked, and how its streams end. */
const dialects = [
  { path: '/v1/chat/completions', end: 'data: [DONE]\n\n' },
  { path: '/v1/responses', end: 'data: {"type":"response.completed","response":{"status":"completed"}}\n\n' },
  { path: '/v1/messages?beta=true', end: 'event: message_stop\ndata: {"type":"message_stop"}\n\n' },
] as const;
const modes = dialects.flatMap((dialect) =>
  [true, false].flatMap((stream) => [true, false].map((patient) => ({ ...dialect, stream, patient }))),
);

/** Streams come in pieces, other answers after a while: a crash finds calls at every stage. */
async function answer(response: ServerResponse, { url, body }: UpstreamRequest): Promise<void> {
  const { stream } = parseJson(String(body), z.object({ stream: z.boolean() }));
  if (stream) response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (let at = 0; at < 20 && !response.destroyed; at++) {
    if (stream) response.write(`data: {"type":"piece","id":"${at}","choices":[]}\n\n`);
    await turn();
  }
  if (stream) response.end(dialects.find(({ path }) => path === url)?.end);
  else sendText(response, '{"id":"whole"}');
}

test(
  'kill -9 under load: every call that reached the upstream has a record, in every dialect, and grants live on',
  { timeout: 180_000 },
  async () => {
    let arrived = 0;
    let killAt = Infinity;
    const upstream = await startUpstream((response, request) => {
      arrived += 1;
      // At the very moment at which a call has reached the upstream: later its record would be there in any case.
      if (arrived === killAt) child.kill('SIGKILL');
      return answer(response, request);
    });
    const directory = await temporaryFolder();
    const ports = { publicPort: await freePort(), adminPort: await freePort() };
    const env = {
      OPENAI_API_KEY: realKey,
      OPENAI_BASE_URL: upstream.baseUrl,
      ANTHROPIC_API_KEY: realKey,
      ANTHROPIC_BASE_URL: upstream.baseUrl,
    };
    const admin = interceptorAdmin({ adminPort: ports.adminPort, installationSecret: testSecret });
    const token = mintToken(testSecret, 'rollout-1', 1);
    let child = await spawnInterceptor({ directory, ...ports }, env);
    await admin.grant({ rolloutId: 'rollout-1', attempt: 1, models: [], script: null }, never);

    let sent = 0;
    let serving: Promise<unknown> = Promise.resolve();
    const work = new AbortController();
    const agent = async ({ path, stream, patient }: (typeof modes)[number]) => {
      while (!work.signal.aborted) {
        await serving;
        const number = sent++;
        const body = [JSON.stringify({ model: 'gpt-4.1-mini', stream, number })];
        // Those that hang up do so at once, later, or in the middle of the answer.
        const signal = patient ? never : AbortSignal.timeout(1 + ((number * 7) % 40));
        await ask({ url: `http://127.0.0.1:${ports.publicPort}${path}`, token, body, signal }).catch(() => undefined);
        await turn();
      }
    };
    const agents = modes.map(agent);
    for (let crash = 0; crash < 6; crash += 1) {
      const exit = once(child, 'exit');
      const restart = Promise.withResolvers<void>();
      killAt = arrived + 80;
      await exit;
      serving = restart.promise;
      child = await spawnInterceptor({ directory, ...ports }, env);
      restart.resolve();
    }
    const restarted = arrived;
    await expect.poll(() => arrived, { timeout: 60_000 }).toBeGreaterThan(restarted + 100);
    work.abort();
    await Promise.all(agents);

    const sink = memorySink();
    const blobs = fileBlobs(await temporaryFolder());
    const { projector } = runProjector(journalDirectory(directory), sink, blobs);
    await projector.drain(await admin.revoke('rollout-1', 1, never), never);
    const calls = [...sink.calls.values()];
    // A crash in the middle of the first write leaves a call without its request: it reached nobody.
    const requests = calls.flatMap(({ requestRef }) => requestRef ?? []);
    const recorded = await Promise.all(requests.map(async (ref) => String(await blobs.get(ref))));
    const known = new Set(recorded);
    expect(upstream.requests.filter(({ body }) => !known.has(String(body)))).toEqual([]);
    expect(known.size).toBe(recorded.length);
    const seen = new Set(calls.map(({ dialect, streamed, status }) => `${dialect} ${streamed} ${status}`));
    for (const dialect of ['openai-chat', 'openai-responses', 'anthropic-messages']) {
      for (const status of ['ok', 'client_abort']) {
        expect(seen).toContain(`${dialect} true ${status}`);
        expect(seen).toContain(`${dialect} false ${status}`);
      }
    }
    expect(calls.map(({ status }) => status)).toContain('killed');
  },
);
