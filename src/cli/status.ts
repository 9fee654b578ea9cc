import type { Command } from 'commander';
import type { DeploymentStatusResponse } from '../model/deployment-responses.ts';
import { apiCommand, type CliContext, clientFor, type ServerFlags, wholeNumber } from './context.ts';
import { moment } from './format.ts';
import { note, noteBytes, paint, paintStatus, printable, say, sayJson } from './output.ts';
import { patience } from './patience.ts';
import { failedBuild, usualBuildSeconds, waitUntilBuilt } from './wait-until-built.ts';

interface Flags extends ServerFlags {
  readonly wait: boolean;
  readonly timeout: number;
  readonly json: boolean;
}

/** Builds that are shown. */
const recentBuilds = 3;

export function register(program: Command, context: CliContext): void {
  apiCommand(program, 'status <deployment>')
    .description('show a deployment and its builds')
    .option('--wait', 'follow the build to its end', false)
    .option('--no-wait', 'show it as it is now (default)')
    .option('--timeout <seconds>', 'to wait at most', wholeNumber(1), usualBuildSeconds)
    .option('--json', 'print JSON', false)
    .action((key: string, flags: Flags) => status(context, key, flags));
}

async function status(context: CliContext, key: string, { wait, timeout, json, ...server }: Flags): Promise<void> {
  const client = await clientFor(context, server);
  let state = await client.status(key);
  if (wait) {
    note(`Waiting for ${state.name} to be ready…`);
    state = await waitUntilBuilt(client, key, {
      reconnect: patience(),
      timeoutSeconds: timeout,
      onLog: noteBytes,
    });
  }
  if (json) sayJson(state);
  else showDeployment(state);
  if (wait && state.status === 'failed') throw failedBuild(state);
}

export function showDeployment(state: DeploymentStatusResponse): void {
  say(`Deployment: ${paint('bold', state.name)}`);
  say(`  ID: ${state.id}`);
  say(`  Status: ${paintStatus(paint, state.status)}`);
  if (state.snapshot_id) say(`  Snapshot: ${state.snapshot_id}`);
  if (state.error) {
    const [what = '', ...log] = printable(state.error).trim().split('\n');
    say(`  Error: ${paint('red', what)}`);
    for (const line of log) say(`    ${paint('dim', line)}`.trimEnd());
  }
  if (state.builds.length === 0) return;
  say(`\n  Recent builds (${state.builds.length}):`);
  for (const build of state.builds.slice(0, recentBuilds)) {
    const what = build.cached ? ', nothing had to be built' : '';
    say(`    - ${build.id.slice(0, 8)}: ${paintStatus(paint, build.status)}  ${moment(build.created_at)}${what}`);
  }
}
