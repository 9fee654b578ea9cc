import type { Command } from 'commander';
import { readConfig } from '../config.ts';
import { showProgress } from '../embedded/progress.ts';
import { createLogger } from '../log.ts';

/** Milliseconds between looks whether the npm that started us still lives. */
const parentLookMs = 250;

export function register(program: Command): void {
  program
    .command('up')
    .description('start everything on this machine; prints one line of JSON when it is ready')
    .action(async () => {
      const config = readConfig(process.env);
      const { runUp } = await import('../roles/up.ts');
      const stop = new AbortController();
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stop.abort());
      diesWithNpm();
      await runUp({
        config,
        env: process.env,
        progress: showProgress(process.stderr),
        logger: createLogger('up', config.logLevel),
        signal: stop.signal,
        onReady: ({ url, temporalUi, apiKeyFile, metrics }) =>
          process.stdout.write(`${JSON.stringify({ url, docs: `${url}/docs`, temporalUi, apiKeyFile, metrics })}\n`),
      });
    });
}

/**
 * Under `npm start` the pid that people know is npm's. When that is killed without a chance to pass it on, we go as
 * abruptly: a server that nobody can find any more would keep the data folder from the next start.
 */
function diesWithNpm(): void {
  if (process.env['npm_lifecycle_event'] === undefined) return;
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
  }, parentLookMs).unref();
}
