import { createServer } from 'node:http';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { interceptorAdmin } from '../../src/interceptor/admin-client.ts';
import { GrantKeeper } from '../../src/interceptor/grant-keeper.ts';
import { grantListener } from '../../src/interceptor/grant-listener.ts';
import { journalDirectory } from '../../src/interceptor/main.ts';
import { storeGate } from '../../src/interceptor/store-gate.ts';
import { openTestStore, type TestStore } from '../support/store.ts';
import { ask, begin, collect } from './support/client.ts';
import { never, startTestInterceptor, temporaryFolder, testSecret } from './support/interceptor.ts';
import { runProjector } from './support/projection.ts';
import { startUpstream } from './support/upstream.ts';

const grant = { rolloutId: 'rollout-1', attempt: 1, models: [], script: null };

async function openStore(): Promise<TestStore> {
  const store = await openTestStore();
  onTestFinished(() => store.close());
  return store;
}

/** An interceptor and its supervisor's parts, as `harbor interceptor` puts them together. */
async function startKept(store: TestStore, interceptor: string, upstream?: string) {
  const directory = await temporaryFolder();
  const failed: Error[] = [];
  const onError = (error: Error) => failed.push(error);
  const listener = grantListener({
    interceptor,
    grants: store.grants,
    budgets: store.budgets,
    installationSecret: testSecret,
    onError,
  });
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const child = await startTestInterceptor({
    directory,
    supervisorUrl: `http://127.0.0.1:${port}`,
    ...(upstream !== undefined && { upstream }),
  });
  const { projector } = runProjector(journalDirectory(directory), store.calls, store.blobs);
  const { adminPort } = child.running.state;
  const admin = interceptorAdmin({ adminPort, installationSecret: testSecret, patienceMs: 1000 });
  const keep = () => {
    const keeper = new GrantKeeper({
      interceptor,
      grants: store.grants,
      budgets: store.budgets,
      admin,
      projector,
      directory,
      onError,
    });
    const ending = new AbortController();
    const ended = keeper.run(ending.signal);
    const stop = async () => {
      ending.abort();
      await ended;
    };
    onTestFinished(stop);
    return { keeper, stop };
  };
  const { keeper, stop } = keep();
  await expect.poll(() => keeper.isWell).toBe(true);
  return { url: child.url, keep, stop, failed };
}

const gateOf = (store: TestStore) => storeGate({ grants: store.grants, installationSecret: testSecret });

const call = (url: string, token: string) => ({
  url: `${url}/v1/chat/completions`,
  token,
  body: [JSON.stringify({ model: 'gpt-4.1-mini', messages: [{ role: 'user', content: 'hello' }] })],
});

test('any interceptor serves an attempt that was granted, and none after its revocation', async () => {
  const store = await openStore();
  const gate = gateOf(store);
  const [first, second] = [await startKept(store, 'first'), await startKept(store, 'second')];
  const token = gate.token('rollout-1', 1);
  expect((await ask(call(first.url, token))).status).toBe(401);

  await gate.grant(grant, never);
  expect((await ask(call(first.url, token))).status).toBe(200);
  expect((await ask(call(second.url, token))).status).toBe(200);

  await gate.revoke('rollout-1', 1, never);
  expect(await store.grants.holders(grant)).toMatchObject([{ hasAcknowledged: true }, { hasAcknowledged: true }]);
  expect((await ask(call(first.url, token))).status).toBe(401);
  expect((await ask(call(second.url, token))).status).toBe(401);
  await expect(gate.grant(grant, never)).rejects.toThrow('for ever');
});

test('an attempt that was revoked before it was granted never lives', async () => {
  const store = await openStore();
  const gate = gateOf(store);
  const { url } = await startKept(store, 'only');
  await gate.revoke('rollout-1', 1, never);
  await expect(gate.grant(grant, never)).rejects.toThrow('for ever');
  expect((await ask(call(url, gate.token('rollout-1', 1)))).status).toBe(401);
});

test('every call that was made is in the store once an attempt is drained', async () => {
  const store = await openStore();
  const gate = gateOf(store);
  const [first, second] = [await startKept(store, 'first'), await startKept(store, 'second')];
  await gate.grant(grant, never);
  const token = gate.token('rollout-1', 1);
  for (const { url } of [first, second, first]) expect((await ask(call(url, token))).status).toBe(200);
  await gate.revokeAndDrain('rollout-1', 1, never);
  expect(await store.calls.list('rollout-1')).toMatchObject(Array.from({ length: 3 }, () => ({ status: 'ok' })));
});

test('an interceptor that lost touch cuts its streams and answers 503 before a revocation goes on without it', async () => {
  const store = await openStore();
  const gate = gateOf(store);
  const upstream = await startUpstream((response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: {}\n\n');
  });
  const lost = await startKept(store, 'lost', upstream.baseUrl);
  await gate.grant(grant, never);
  const token = gate.token('rollout-1', 1);
  const { answer } = await begin(call(lost.url, token));
  let cut = false;
  const collected = collect(answer).then((whole) => {
    cut = true;
    return whole;
  });
  await lost.stop();

  await gate.revoke('rollout-1', 1, never);
  expect(cut).toBe(true);
  expect((await collected).isWhole).toBe(false);
  expect((await ask(call(lost.url, token))).status).toBe(503);
  expect(await store.grants.holders(grant)).toMatchObject([{ interceptor: 'lost', hasAcknowledged: false }]);

  lost.keep();
  await gate.revokeAndDrain('rollout-1', 1, never);
  expect(await store.grants.holders(grant)).toMatchObject([{ hasAcknowledged: true, hasDrained: true }]);
  expect((await ask(call(lost.url, token))).status).toBe(401);
  expect(await store.calls.list('rollout-1')).toMatchObject([{ status: 'killed' }]);
});

test('every call that has ended, and every absence, is in the store once an attempt is settled', async () => {
  const store = await openStore();
  const gate = gateOf(store);
  const upstream = await startUpstream((response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: {}\n\n');
  });
  const lost = await startKept(store, 'lost', upstream.baseUrl);
  await startKept(store, 'other');
  await gate.grant(grant, never);
  const { answer } = await begin(call(lost.url, gate.token('rollout-1', 1)));
  const cut = collect(answer);
  await lost.stop();
  await cut;
  // Its lease has run out, and nobody has said so yet but the time.
  await expect.poll(() => gate.absences('rollout-1', 1), { timeout: 10_000 }).toHaveLength(1);

  lost.keep();
  await gate.settle('rollout-1', 1, never);
  expect(await store.calls.list('rollout-1')).toMatchObject([{ status: 'killed' }]);
  const [absence, ...more] = await gate.absences('rollout-1', 1);
  expect(more).toEqual([]);
  expect(absence && absence.until.getTime() - absence.since.getTime()).toBeGreaterThan(0);
  // The token lives on.
  expect((await begin(call(lost.url, gate.token('rollout-1', 1)))).answer.statusCode).toBe(200);
});
