import { once } from 'node:events';
import { expect, test } from 'vitest';
import { program, startProgram } from './support/spawn.ts';
import { freePort } from './support/temporary.ts';

/** The id of the process that answers on a port. */
async function answering(port: number): Promise<number> {
  const ask = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}`)).text();
  await expect.poll(ask, { timeout: 20_000 }).toMatch(/^\d+$/);
  return Number(await ask());
}

test('a guarded process that is killed comes back', async () => {
  const port = await freePort();
  startProgram(['guard', ...program, 'serve', String(port)]);
  const first = await answering(port);
  process.kill(first, 'SIGKILL');
  await expect.poll(() => answering(port).catch(() => first), { timeout: 20_000 }).not.toBe(first);
});

test('a guard that is told to end ends its process first', async () => {
  const port = await freePort();
  const guard = startProgram(['guard', ...program, 'serve', String(port)]);
  await answering(port);
  guard.kill('SIGTERM');
  await once(guard, 'exit');
  await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow('fetch failed');
});
