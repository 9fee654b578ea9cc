import type { WriteStream } from 'node:tty';
import type { Command } from 'commander';
import { agentRegistry } from '../agents/registry.ts';
import { findToolbox } from '../agents/toolbox.ts';
import { cachePath } from '../embedded/cache.ts';
import { type Check, missing, ok, optional } from '../embedded/check.ts';
import { homeChecks } from '../embedded/home-checks.ts';
import { machineChecks } from '../embedded/machine-checks.ts';
import { diskChecks } from './disk-checks.ts';
import { toolboxesFor } from './setup.ts';

export interface DoctorOptions {
  readonly json: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly output: WriteStream | NodeJS.WritableStream;
  readonly signal: AbortSignal;
}

/** Shows what is there, what is missing and what to do. 1 when Harbor cannot run as it is, else 0. */
export async function runDoctor({ json, env, output, signal }: DoctorOptions): Promise<number> {
  const checks = [
    ...(await machineChecks(env, signal)),
    ...(await agentChecks(env)),
    ...(await homeChecks(env)),
    ...(await diskChecks(env, signal)),
  ];
  const healthy = checks.every(({ status, needed }) => status === 'ok' || !needed);
  output.write(json ? `${JSON.stringify({ healthy, checks })}\n` : table(checks, 'isTTY' in output && output.isTTY));
  return healthy ? 0 : 1;
}

async function agentChecks(env: NodeJS.ProcessEnv): Promise<Check[]> {
  return Promise.all(
    toolboxesFor(agentRegistry.names, 'glibc').map(async (source) => {
      const name = `Agent ${source.name}`;
      const toolbox = await findToolbox(cachePath(env), source);
      const remedy = `It is fetched when first used; \`harbor setup --agent ${source.name}\` does it now.`;
      return toolbox
        ? ok(name, `${source.version}, ${toolbox.directory}`)
        : optional(missing(name, `${source.version} is not cached`, remedy));
    }),
  );
}

const colours = { ok: '\u001B[32m', missing: '\u001B[33m', problem: '\u001B[31m' };

function table(checks: readonly Check[], colour: boolean): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, status, detail, remedy }) => {
    const word = status.padEnd('problem'.length);
    const head = colour ? `${colours[status]}${word}\u001B[0m` : word;
    const line = `${head}  ${name.padEnd(width)}  ${detail}`;
    return remedy === undefined ? [line] : [line, `${' '.repeat(word.length + width + 4)}${remedy}`];
  });
  return `${lines.join('\n')}\n`;
}

export function register(program: Command): void {
  program
    .command('doctor')
    .description('show what Harbor has on this machine, what is missing, and what to do')
    .option('--json', 'print JSON', false)
    .action(async (flags: { json: boolean }) => {
      process.exitCode = await runDoctor({
        json: flags.json,
        env: process.env,
        output: process.stdout,
        signal: new AbortController().signal,
      });
    });
}
