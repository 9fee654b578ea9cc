import type { Command } from 'commander';
import { readConfig } from '../config.ts';
import { createLogger } from '../log.ts';
import { endedBySignals } from './ending.ts';
import type { RoleOptions } from '../roles/role.ts';

type Run = (options: RoleOptions) => Promise<void>;

const roles: readonly { readonly name: string; readonly description: string; readonly load: () => Promise<Run> }[] = [
  {
    name: 'api',
    description: 'serve the HTTP API, on DATABASE_URL and TEMPORAL_ADDRESS',
    load: async () => (await import('../roles/api.ts')).runApi,
  },
  {
    name: 'worker',
    description: 'build and run rollouts, on DATABASE_URL, TEMPORAL_ADDRESS and a container engine',
    load: async () => (await import('../roles/worker-role.ts')).runWorkerRole,
  },
  {
    name: 'interceptor',
    description: 'carry the calls of agents to their models, on DATABASE_URL; holds the LLM keys',
    load: async () => (await import('../roles/interceptor-role.ts')).runInterceptorRole,
  },
];

/** Harbor's parts as processes of their own; each prints one line of JSON when it serves. */
export function register(program: Command): void {
  for (const { name, description, load } of roles) {
    program
      .command(name)
      .description(description)
      .action(async () => {
        const config = readConfig(process.env);
        const run = await load();
        await run({
          config,
          env: process.env,
          logger: createLogger(name, config.logLevel),
          onReady: (info) => process.stdout.write(`${JSON.stringify(info)}\n`),
          ...endedBySignals(),
        });
      });
  }
}
