import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { childStateFile, readChildState } from '../../src/embedded/child-state.ts';
import type { Home } from '../../src/embedded/home.ts';
import { type EmbeddedInterceptor, ensureInterceptor } from '../../src/embedded/interceptor.ts';
import { isRunning } from '../../src/embedded/process-identity.ts';
import { check } from '../../src/model/json.ts';
import { program } from './support/spawn.ts';
import { temporaryHome } from './support/temporary.ts';

const { signal } = new AbortController();
const keys = { OPENAI_API_KEY: 'sk-test-one' };

function ensure(home: Home, given: NodeJS.ProcessEnv, hosts = ['127.0.0.1']): Promise<EmbeddedInterceptor> {
  return ensureInterceptor({ home, program, hosts, env: { PATH: process.env['PATH'], ...given }, signal });
}

/** What the serving process says of itself. */
async function serving(home: Home, { adminPort }: EmbeddedInterceptor): Promise<{ pid: number; key: string | null }> {
  const token = createHmac('sha256', home.installation.secret).update('admin').digest('base64url');
  const response = await fetch(`http://127.0.0.1:${adminPort}`, { headers: { authorization: `Bearer ${token}` } });
  return check(await response.json(), z.object({ pid: z.int(), key: z.string().nullable() }));
}

test('a crashed interceptor comes back with its keys, though nobody gives them again', async () => {
  const home = await temporaryHome();
  const interceptor = await ensure(home, keys);
  const { pid } = await serving(home, interceptor);
  process.kill(pid, 'SIGKILL');
  const back = (): Promise<unknown> => serving(home, interceptor).catch(() => ({ pid }));
  await expect.poll(back, { timeout: 20_000 }).not.toMatchObject({ pid });
  expect(await serving(home, interceptor)).toMatchObject({ key: 'sk-test-one' });
});

test('a running interceptor is kept when no keys are given', async () => {
  const home = await temporaryHome();
  const first = await ensure(home, keys);
  const second = await ensure(home, {});
  expect(second.child.identity).toEqual(first.child.identity);
});

test('a running interceptor is kept when the same keys are given', async () => {
  const home = await temporaryHome();
  const first = await ensure(home, keys);
  const second = await ensure(home, keys);
  expect(second.child.identity).toEqual(first.child.identity);
});

test('an interceptor with other keys is replaced, on the same ports', async () => {
  const home = await temporaryHome();
  const first = await ensure(home, keys);
  const second = await ensure(home, { OPENAI_API_KEY: 'sk-test-two' });
  expect(await serving(home, second)).toMatchObject({ key: 'sk-test-two' });
  expect([second.port, second.adminPort]).toEqual([first.port, first.adminPort]);
});

test('an interceptor that listens elsewhere than it should is replaced', async () => {
  const home = await temporaryHome();
  const first = await ensure(home, {});
  const second = await ensure(home, {}, ['127.0.0.1', '127.0.0.2']);
  expect([second.child.adopted, isRunning(first.child.identity)]).toEqual([false, false]);
});

test('where the keys are gone with their guard, the scripted model does not take their place', async () => {
  const home = await temporaryHome();
  const { child } = await ensure(home, keys);
  process.kill(child.identity.pid, 'SIGKILL');
  await expect.poll(() => isRunning(child.identity)).toBe(false);
  await expect(ensure(home, {})).rejects.toMatchObject({ failureClass: 'model_provider_failed' });
});

test('the state file tells no key', async () => {
  const home = await temporaryHome();
  await ensure(home, keys);
  const state = await readChildState(childStateFile(home.files.run, 'interceptor'));
  expect(JSON.stringify(state)).not.toContain('sk-test-one');
});
