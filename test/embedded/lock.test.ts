import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { acquireLock, lockHolder } from '../../src/embedded/lock.ts';
import { nextLine, startProgram } from './support/spawn.ts';
import { temporaryFolder } from './support/temporary.ts';

const options = { what: 'the lock', remedy: 'wait', patienceMs: 0 };

test('a lock that another process holds is refused, and the refusal names that process', async () => {
  const path = join(await temporaryFolder(), 'lock');
  const holder = startProgram(['lock', path]);
  expect(await nextLine(holder)).toBe('held');
  await expect(acquireLock(path, options)).rejects.toThrow(`the lock is in use by process ${holder.pid}`);
  expect((await lockHolder(path))?.pid).toBe(holder.pid);
});

test('a lock dies with its holder, also by SIGKILL', async () => {
  const path = join(await temporaryFolder(), 'lock');
  const holder = startProgram(['lock', path]);
  await nextLine(holder);
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  await acquireLock(path, options);
  expect((await lockHolder(path))?.pid).toBe(process.pid);
});

test('of many that find the same dead lock at once, one gets it', async () => {
  const path = join(await temporaryFolder(), 'lock');
  const dead = startProgram(['lock', path]);
  await nextLine(dead);
  dead.kill('SIGKILL');
  await once(dead, 'exit');
  const outcomes = await Promise.all(Array.from({ length: 8 }, () => nextLine(startProgram(['lock', path]))));
  expect(outcomes.filter((outcome) => outcome === 'held')).toHaveLength(1);
});

test('a waiting process gets the lock as soon as it is released', async () => {
  const path = join(await temporaryFolder(), 'lock');
  const first = await acquireLock(path, options);
  const { promise: waits, resolve: onWait } = Promise.withResolvers<unknown>();
  const second = acquireLock(path, { ...options, patienceMs: 30_000, onWait });
  await waits;
  await first.release();
  await (await second).release();
  expect(await lockHolder(path)).toBeUndefined();
});

test('an aborted signal ends the wait', async () => {
  const path = join(await temporaryFolder(), 'lock');
  await acquireLock(path, options);
  const stop = new AbortController();
  const waiting = acquireLock(path, {
    ...options,
    patienceMs: 30_000,
    signal: stop.signal,
    onWait: () => stop.abort(),
  });
  await expect(waiting).rejects.toThrow('aborted');
});

test('old claims do not pile up', async () => {
  const folder = await temporaryFolder();
  for (let round = 0; round < 5; round += 1) await (await acquireLock(join(folder, 'lock'), options)).release();
  expect(await readdir(folder)).toEqual(['lock.5']);
});
