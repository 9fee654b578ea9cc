import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import type { InterceptorOptions } from '../../../src/interceptor/options.ts';
import { testSecret } from './interceptor.ts';

const program = new URL('run-interceptor.ts', import.meta.url);

/**
 * An interceptor in a process of its own; it serves when this returns, and ends with the test. `largestFile`: blocks of half
 * a KiB or a KiB, after which a file takes no more, as on a disk that is full.
 */
export async function spawnInterceptor(
  options: Pick<InterceptorOptions, 'directory' | 'publicPort' | 'adminPort'>,
  env: Readonly<Record<string, string>>,
  { largestFile }: { readonly largestFile?: number } = {},
): Promise<ChildProcess> {
  const given = { ...options, publicHosts: ['127.0.0.1'], installationSecret: testSecret };
  const limit = largestFile === undefined ? '' : `ulimit -f ${largestFile};`;
  const command = [process.execPath, program.pathname, JSON.stringify(given)];
  const child = spawn('sh', ['-c', `${limit} exec "$@"`, 'sh', ...command], {
    env,
    stdio: ['ignore', 'pipe', largestFile === undefined ? 'inherit' : 'ignore'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(createInterface(child.stdout), 'line');
  return child;
}
