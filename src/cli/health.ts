import type { Command } from 'commander';
import { readConfig } from '../config.ts';
import { HarborError, invalid } from '../model/errors.ts';

/** Milliseconds for an answer. */
const patienceMs = 4_000;

/** For whoever runs Harbor's processes in containers: whether the one beside it is ready, as an exit code. */
export function register(program: Command): void {
  program
    .command('health')
    .description('whether the process whose health port is HARBOR_HEALTH_PORT is ready; exit code 1: it is not')
    .action(async () => {
      const { host, port } = readConfig(process.env).health;
      if (!port) throw invalid('HARBOR_HEALTH_PORT', 'is not set', 'Set it to the port that the process was given.');
      const asked = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
      const url = `http://${asked}:${port}/readyz`;
      const answer = await fetch(url, { signal: AbortSignal.timeout(patienceMs) }).catch((cause: unknown) => {
        throw new HarborError('internal', `nothing answers at ${url}`, { cause });
      });
      process.stdout.write(`${await answer.text()}\n`);
      process.exitCode = answer.ok ? 0 : 1;
    });
}
