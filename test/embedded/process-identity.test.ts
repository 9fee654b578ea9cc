import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { identifyProcess, isRunning, ownIdentity } from '../../src/embedded/process-identity.ts';
import { findProgram } from '../../src/embedded/run-command.ts';
import { temporaryFolder } from './support/temporary.ts';

test('a process is itself', () => {
  expect(isRunning(ownIdentity())).toBe(true);
});

test('another process under the same id is not it', () => {
  expect(isRunning({ ...ownIdentity(), start: 'another boot/1' })).toBe(false);
});

test('a process whose name looks like other fields is told apart all the same', async () => {
  const odd = join(await temporaryFolder(), 'a) Z 1 (b');
  await copyFile(findProgram('sleep', process.env) ?? '', odd);
  const child = spawn(odd, ['60']);
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  await once(child, 'spawn');
  expect(identifyProcess(child.pid ?? 0)?.pid).toBe(child.pid);
});

test('a zombie does not run', async () => {
  // The shell becomes a process that never asks after the child that the shell had started.
  const parent = spawn('sh', ['-c', 'sleep 0.3 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => {
    parent.kill('SIGKILL');
  });
  const [line] = await once(parent.stdout, 'data');
  const zombie = Number(line);
  await expect.poll(() => readFile(`/proc/${zombie}/stat`, 'utf8')).toContain(') Z ');
  expect(identifyProcess(zombie)).toBeUndefined();
});
