import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { HarborError, errorText, invalid } from '../model/errors.ts';
import type { DeploymentStatusResponse } from '../model/deployment-responses.ts';
import type { HarborClient, NewDeployment } from '../sdk/client.ts';
import { type PackedContext, packContext } from '../sdk/pack-context.ts';
import { apiCommand, type CliContext, clientFor, type ServerFlags, wholeNumber } from './context.ts';
import { counted, size } from './format.ts';
import { note, noteBytes, paint, paintError, paintStatus, say, sayJson } from './output.ts';
import { doneOnce, patience } from './patience.ts';
import { type SentDeployment, sendDeployment } from './send-deployment.ts';
import { failedBuild, usualBuildSeconds, waitUntilBuilt } from './wait-until-built.ts';

interface Flags extends ServerFlags {
  readonly name?: string;
  readonly dockerfile?: string;
  readonly context: string;
  readonly entrypoint?: string;
  readonly timeout?: number;
  readonly cpu?: number;
  readonly memory?: number;
  readonly wait: boolean;
  readonly replace: boolean;
  readonly json: boolean;
}

export function register(program: Command, context: CliContext): void {
  apiCommand(program, 'upload [name]')
    .description('make a deployment from a Dockerfile and its build context')
    .option('-n, --name <name>', 'what to call it; the same as the argument')
    .option('-d, --dockerfile <path>', 'in the context, else from here (default: Dockerfile)')
    .option('-c, --context <folder>', 'the build context', '.')
    .option('-e, --entrypoint <command>', "the image's own command for a rollout (default: run_rollout, if it has one)")
    .option('--timeout <seconds>', 'for the agent, 30 to 3600 (default: 300)', wholeNumber(1))
    .option('--cpu <cores>', '1 to 8 (default: 2)', wholeNumber(1))
    .option('--memory <MB>', '512 to 32768 (default: 4096)', wholeNumber(1))
    .option('--wait', 'follow the build to its end', false)
    .option('--no-wait', 'return once the build is started (default)')
    .option('--replace', 'if the name is taken, make this its new content', false)
    .option('--json', 'print JSON', false)
    .addHelpText('after', `\nExample:\n  ${context.prefix} upload my-project -c ./my-project --wait`)
    .action((name: string | undefined, flags: Flags) => upload(context, name, flags));
}

async function upload(context: CliContext, argument: string | undefined, flags: Flags): Promise<void> {
  const name = nameOf(argument, flags);
  const client = await clientFor(context, flags);
  const deployment: NewDeployment = {
    name,
    dockerfile: await dockerfileOf(flags),
    ...(flags.entrypoint !== undefined && { entrypoint: flags.entrypoint }),
    limits: {
      ...(flags.timeout !== undefined && { timeout_s: flags.timeout }),
      ...(flags.cpu !== undefined && { cpu_cores: flags.cpu }),
      ...(flags.memory !== undefined && { memory_mb: flags.memory }),
    },
  };
  const sent = await send(client, deployment, flags);
  if (sent.replaced && settingsIn(flags)) {
    note(`  ${paintError('yellow', 'kept:')} entrypoint and limits of ${name}; --replace changes its content alone`);
  }
  if (!flags.json) say(paint('green', sent.replaced ? 'Replaced!' : 'Upload successful!'));
  const state = flags.wait
    ? await waitUntilBuilt(client, sent.id, {
        reconnect: patience(),
        timeoutSeconds: usualBuildSeconds,
        onLog: noteBytes,
      })
    : await client.status(sent.id);
  show(context, state, sent.buildId, flags);
  if (flags.wait && state.status === 'failed') throw failedBuild(state);
}

async function send(client: HarborClient, deployment: NewDeployment, flags: Flags): Promise<SentDeployment> {
  await using packed = await packContext(flags.context);
  note(`Uploading ${paintError('bold', deployment.name)}: ${describe(packed)}`);
  return await doneOnce((repeatKey) => sendDeployment(client, deployment, packed, flags.replace, repeatKey));
}

function show(
  { prefix }: CliContext,
  state: DeploymentStatusResponse,
  buildId: string | undefined,
  { json }: Flags,
): void {
  if (json) return sayJson(state);
  say(`  Deployment ID: ${state.id}`);
  say(`  Build ID: ${buildId ?? '-'}`);
  say(`  Status: ${paintStatus(paint, state.status)}`);
  if (state.snapshot_id) say(`  Snapshot ID: ${state.snapshot_id}`);
  if (state.status === 'ready') say(`\nTo run an agent in it:\n  ${prefix} run ${state.name}`);
  else if (state.status !== 'failed') say(`\nTo wait until it is built:\n  ${prefix} status ${state.name} --wait`);
}

function nameOf(argument: string | undefined, flags: Flags): string {
  const name = argument ?? flags.name;
  if (name === undefined) {
    const folder = basename(resolve(flags.context));
    throw invalid('name', 'is missing', `Give one, unique on the server: \`upload ${folder}\`.`);
  }
  if (argument !== undefined && flags.name !== undefined && argument !== flags.name) {
    throw invalid('name', `is given twice: ${argument} and ${flags.name}`);
  }
  return name;
}

/**
 * The Dockerfile's text; null where the server shall take the one in the context. It is looked for in the context first,
 * then from here; beside a task.toml it lies in `environment/`.
 */
async function dockerfileOf({ dockerfile, context }: Flags): Promise<string | null> {
  if (dockerfile === undefined && existsSync(join(context, 'task.toml'))) return null;
  const path = [join(context, dockerfile ?? 'Dockerfile'), dockerfile ?? 'Dockerfile'].find((file) => existsSync(file));
  if (path === undefined) {
    throw invalid(
      'dockerfile',
      `there is no ${dockerfile ?? 'Dockerfile'}, neither in ${context} nor here`,
      'Name it with --dockerfile, and the folder that it is built from with --context.',
    );
  }
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const message = `${path} cannot be read: ${errorText(error)}`;
    throw new HarborError('invalid_request', message, { field: 'dockerfile', cause: error });
  }
}

function describe({ bytes, files, leftOut }: PackedContext): string {
  const shown = leftOut.slice(0, 5).join(', ') + (leftOut.length > 5 ? ` and ${leftOut.length - 5} more` : '');
  return `${counted(files, 'file')}, ${size(bytes)} packed${leftOut.length > 0 ? `; left out: ${shown}` : ''}`;
}

function settingsIn({ entrypoint, timeout, cpu, memory }: Flags): boolean {
  return [entrypoint, timeout, cpu, memory].some((value) => value !== undefined);
}
