import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { z } from 'zod';
import { parseJson } from '../model/json.ts';
import { register as batch } from './batch/group.ts';
import { register as build } from './build.ts';
import type { CliContext } from './context.ts';
import { register as demo } from './demo.ts';
import { register as doctor } from './doctor.ts';
import { register as gc } from './gc.ts';
import { register as health } from './health.ts';
import { register as instances } from './instances/group.ts';
import { register as list } from './list.ts';
import { reportError } from './report-error.ts';
import { register as migrate } from './migrate.ts';
import { register as roles } from './roles.ts';
import { register as rollout } from './rollout/group.ts';
import { register as run } from './run.ts';
import { register as setup } from './setup.ts';
import { register as status } from './status.ts';
import { register as up } from './up.ts';
import { register as upload } from './upload.ts';

/** In the order in which a newcomer needs them. */
const commands = [
  demo,
  up,
  setup,
  doctor,
  migrate,
  roles,
  health,
  upload,
  build,
  status,
  list,
  instances,
  run,
  rollout,
  batch,
  gc,
];

/** Exit codes: 0 done, 1 it failed, 2 called wrongly, 130 interrupted. */
const usageError = 2;

/**
 * Runs one command line, without the program's own name; returns its exit code. `harbor` as a first word means nothing,
 * so that `synth harbor upload …` is what users of the existing client know.
 */
export async function runCli(argv: readonly string[]): Promise<number> {
  const name = process.env['HARBOR_CLI_NAME'] === 'synth' ? 'synth' : 'harbor';
  const context: CliContext = { name, prefix: name === 'synth' ? 'synth harbor' : 'harbor', env: process.env };
  // A reader that has seen enough, such as `head`, is no failure.
  process.stdout.on('error', (error) => {
    if ('code' in error && error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  const program = createProgram(context);
  try {
    await program.parseAsync(argv[0] === 'harbor' ? argv.slice(1) : [...argv], { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usageError;
    reportError(error, process.env['HARBOR_DEBUG'] === '1');
    return 1;
  }
}

function createProgram(context: CliContext): Command {
  const program = new Command(context.name)
    .description('Runs coding agents in sandboxes made from your Dockerfile, and scores what they did.')
    .version(version(), '--version', 'what this is the version of')
    .showHelpAfterError('--help tells what there is.')
    .exitOverride();
  for (const register of commands) register(program, context);
  return program;
}

/** Of the package that this is part of, whether it runs from src or from dist. */
function version(): string {
  const file = new URL('../../package.json', import.meta.url);
  return parseJson(readFileSync(file, 'utf8'), z.object({ version: z.string() }), 'package.json').version;
}
