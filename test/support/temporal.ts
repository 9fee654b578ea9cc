import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { silent } from '../../src/embedded/progress.ts';
import { ensureTemporalCli } from '../../src/embedded/temporal-cli.ts';
import { freePort } from '../embedded/support/temporary.ts';

export interface TestTemporal {
  readonly address: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** A real Temporal server of its own, without UI; in memory unless `options` say otherwise, on any free port unless one is given. */
export async function startTemporal(options: readonly string[] = [], givenPort?: number): Promise<TestTemporal> {
  const signal = AbortSignal.timeout(600_000);
  const { path } = await ensureTemporalCli(process.env, silent, signal);
  const port = givenPort ?? (await freePort());
  const address = `127.0.0.1:${port}`;
  const args = [
    'server',
    'start-dev',
    '--headless',
    '--ip',
    '127.0.0.1',
    '--port',
    String(port),
    '--log-level',
    'never',
    ...options,
  ];
  const child = spawn(path, args, { stdio: 'ignore' });
  const ended = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  const died = ended.then(([code]) => {
    throw new Error(`the Temporal server ended with ${String(code)}`);
  });
  died.catch(() => {});
  await Promise.race([untilItAnswers(address), died]);
  return { address, pid: child.pid ?? 0, stop };
}

async function untilItAnswers(address: string): Promise<void> {
  for (;;) {
    try {
      const connection = await Connection.connect({ address, connectTimeout: '2s' });
      await connection.close();
      return;
    } catch {
      // It is still starting.
      await sleep(100);
    }
  }
}
