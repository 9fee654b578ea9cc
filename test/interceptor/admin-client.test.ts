import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { interceptorAdmin } from '../../src/interceptor/admin-client.ts';
import { mintToken } from '../../src/interceptor/tokens.ts';
import { ask } from './support/client.ts';
import { never, startTestInterceptor, testSecret } from './support/interceptor.ts';

const grant = { rolloutId: 'rollout-1', attempt: 1, models: [], script: null };
const body = ['{"model":"gpt-4.1-mini","input":"hello"}'];

test('a grant may be given twice', async () => {
  const { admin } = await startTestInterceptor();
  await admin.grant(grant, never);
  await expect(admin.grant(grant, never)).resolves.toBeUndefined();
});

test('a revocation may be repeated, also of what was never granted, and tells a place each time', async () => {
  const { admin, running } = await startTestInterceptor();
  for (const _ of [1, 2]) {
    expect(await admin.revoke('rollout-9', 3, never)).toEqual({
      journal: running.state.journal,
      offset: expect.any(Number),
    });
  }
});

test('a revoked attempt cannot be granted again', async () => {
  const { admin } = await startTestInterceptor();
  await admin.revoke('rollout-1', 1, never);
  await expect(admin.grant(grant, never)).rejects.toMatchObject({
    failureClass: 'internal',
    message: expect.stringContaining('revoked'),
  });
});

test('its health tells what it is and where it listens', async () => {
  const { admin, running } = await startTestInterceptor({ publicHosts: ['127.0.0.1', '203.0.113.1'] });
  expect(await admin.health(never)).toEqual({
    pid: process.pid,
    mode: 'scripted',
    publicPort: running.state.publicPort,
    hosts: ['127.0.0.1'],
    // An address that no machine has (RFC 5737); it is tried again in the background.
    missingHosts: ['203.0.113.1'],
    openCalls: 0,
    isDrained: false,
    memoryBytes: expect.any(Number),
    cpuSeconds: expect.any(Number),
    journal: running.state.journal,
    offset: expect.any(Number),
  });
});

test('whoever lacks the installation’s secret is refused', async () => {
  const { running } = await startTestInterceptor();
  const stranger = interceptorAdmin({ adminPort: running.state.adminPort, installationSecret: '00' });
  await expect(stranger.health(never)).rejects.toThrow('401');
});

test('an attempt’s token is no admin key', async () => {
  const interceptor = await startTestInterceptor();
  const token = await interceptor.grant();
  const url = `http://127.0.0.1:${interceptor.running.state.adminPort}/grants/rollout-1/1`;
  expect((await ask({ url, method: 'DELETE', token })).status).toBe(401);
});

test('a malformed grant is refused by the name of its field', async () => {
  const { admin } = await startTestInterceptor();
  await expect(admin.grant({ ...grant, attempt: 0 }, never)).rejects.toThrow('attempt: ');
});

test('it waits for an interceptor that is being restarted, which then serves the grants it had', async () => {
  const first = await startTestInterceptor();
  await first.admin.grant(grant, never);
  await first.admin.revoke('rollout-1', 2, never);
  const { adminPort, publicPort } = first.running.state;
  await first.running.stop();

  const waiting = first.admin.health(never);
  await startTestInterceptor({ directory: first.directory, adminPort, publicPort });
  expect(await waiting).toMatchObject({ mode: 'scripted' });
  const asked = (attempt: number) =>
    ask({ url: `${first.url}/v1/responses`, token: mintToken(testSecret, 'rollout-1', attempt), body });
  expect((await asked(1)).status).toBe(200);
  expect((await asked(2)).status).toBe(401);
});

test('its patience ends with an error that says where nobody answers', async () => {
  const { running } = await startTestInterceptor();
  const { adminPort } = running.state;
  await running.stop();
  const admin = interceptorAdmin({ adminPort, installationSecret: testSecret, patienceMs: 1 });
  await expect(admin.health(never)).rejects.toMatchObject({
    message: expect.stringContaining(`127.0.0.1:${adminPort}`),
  });
});

test('its patience ends with the signal', async () => {
  const { running, admin } = await startTestInterceptor();
  await running.stop();
  const given = new AbortController();
  const waiting = admin.health(given.signal);
  given.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
});

test('the admin listener is on loopback alone', async () => {
  const { running } = await startTestInterceptor();
  const socket = connect(running.state.adminPort, '127.0.0.2');
  const outcome = await new Promise((resolve) => {
    socket.on('connect', () => resolve('connected'));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
  });
  socket.destroy();
  expect(outcome).toBe('ECONNREFUSED');
});
