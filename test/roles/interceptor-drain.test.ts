import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { storeGate } from '../../src/interceptor/store-gate.ts';
import { freePort } from '../embedded/support/temporary.ts';
import { ask, begin, collect } from '../interceptor/support/client.ts';
import { startUpstream } from '../interceptor/support/upstream.ts';
import { prepareGround, type RoleGround } from '../support/postgres-roles.ts';
import { eventually } from '../support/project.ts';

const never = new AbortController().signal;
let ground: RoleGround;
let port: number;

beforeAll(async () => {
  ground = await prepareGround();
  port = await freePort();
});
afterAll(() => ground.remove());

const gate = () => storeGate({ grants: ground.store.grants, installationSecret: ground.secret });
const event = (n: number) => `data: {"choices":[{"delta":{"content":"piece ${n}"}}]}\n\n`;
const rest = Array.from({ length: 200 }, (_, n) => event(n + 1)).join('') + 'data: [DONE]\n\n';

/** An upstream whose streams go on when the test says so; what is no stream it answers at once. */
async function slowUpstream() {
  const streams: ServerResponse[] = [];
  const upstream = await startUpstream((response, { body }) => {
    if (!body.toString().includes('"stream":true')) return void response.end('{"choices":[]}');
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(event(0));
    streams.push(response);
  });
  const settingsOf = { OPENAI_API_KEY: 'sk-real-of-the-drain-test', OPENAI_BASE_URL: upstream.baseUrl };
  return { streams, settings: settingsOf };
}

const startInterceptor = (name: string, more: Readonly<Record<string, string>>) =>
  ground.start('interceptor', {
    HARBOR_INTERCEPTOR_DIR: join(ground.home, name),
    HARBOR_INTERCEPTOR_HOSTS: '127.0.0.1',
    HARBOR_INTERCEPTOR_PORT: String(port),
    ...more,
  });

async function tokenOf(rolloutId: string): Promise<string> {
  await gate().grant({ rolloutId, attempt: 1, models: [], script: null }, never);
  return gate().token(rolloutId, 1);
}

const call = (token: string, stream: boolean) => ({
  url: `http://127.0.0.1:${port}/v1/chat/completions`,
  token,
  body: [JSON.stringify({ model: 'gpt-5-mini', stream, messages: [] })],
});

test(
  'an interceptor that shall end lets a stream run to its end while another takes what is new',
  { timeout: 120_000 },
  async () => {
    const { streams, settings: provider } = await slowUpstream();
    const leaving = await startInterceptor('leaving', provider);
    const token = await tokenOf('streams-on');
    const { answer } = await begin(call(token, true));
    const streamed = collect(answer);
    const staying = await startInterceptor('staying', provider);
    leaving.kill('SIGTERM');
    await eventually('it to be not ready', async () => (await fetch(`${leaving.url}/readyz`)).status === 503);
    const fresh = await tokenOf('comes-later');
    for (let n = 0; n < 20; n += 1) expect((await ask(call(fresh, false))).status).toBe(200);
    streams[0]?.end(rest);
    const { body, isWhole } = await streamed;
    expect(body.toString()).toBe(event(0) + rest);
    expect(isWhole).toBe(true);
    expect(await leaving.ended).toBe(0);
    // Nobody waits for one that has left, and its call is in the store: these return although it lives no more.
    await gate().revokeAndDrain('streams-on', 1, AbortSignal.timeout(60_000));
    expect(await ground.store.calls.list('streams-on')).toMatchObject([{ status: 'ok', httpStatus: 200 }]);
    expect(await ground.store.grants.holders({ rolloutId: 'streams-on', attempt: 1 })).toEqual([]);
    expect((await fetch(`${staying.url}/readyz`)).ok).toBe(true);
  },
);

test(
  'one that is told twice ends at once, and a start on its folder asks anew who may call',
  { timeout: 120_000 },
  async () => {
    const { settings: provider } = await slowUpstream();
    const told = await startInterceptor('told-twice', provider);
    const token = await tokenOf('is-cut');
    const { answer } = await begin(call(token, true));
    const streamed = collect(answer);
    told.kill('SIGTERM');
    await eventually('it to be not ready', async () => (await fetch(`${told.url}/readyz`)).status === 503);
    told.kill('SIGTERM');
    expect((await streamed).isWhole).toBe(false);
    await told.ended;
    await gate().revoke('is-cut', 1, AbortSignal.timeout(60_000));
    const next = await startInterceptor('told-twice', provider);
    expect((await ask(call(token, false))).status).toBe(401);
    expect(await eventually('the call', async () => (await ground.store.calls.list('is-cut'))[0])).toMatchObject({
      status: 'killed',
    });
    const logged = await readFile(join(ground.home, 'told-twice', 'logs', 'interceptor.log'), 'utf8');
    for (const text of [told.said(), next.said(), logged]) expect(text).not.toContain('sk-real');
  },
);
