import type { Command } from 'commander';
import { apiCommand, type CliContext, clientFor, type ServerFlags } from './context.ts';
import { noteBytes, paint, say, sayJson } from './output.ts';
import { doneOnce, patience } from './patience.ts';
import { showDeployment } from './status.ts';
import { failedBuild, usualBuildSeconds, waitUntilBuilt } from './wait-until-built.ts';

interface Flags extends ServerFlags {
  readonly wait: boolean;
  readonly force: boolean;
  readonly json: boolean;
}

export function register(program: Command, context: CliContext): void {
  apiCommand(program, 'build <deployment>')
    .description('build what a deployment holds, again')
    .option('--wait', 'follow the build to its end', false)
    .option('--no-wait', 'return once it is started (default)')
    .option('--force', 'build anew also where a snapshot of this content exists', false)
    .option('--json', 'print JSON', false)
    .action((key: string, flags: Flags) => build(context, key, flags));
}

async function build(context: CliContext, key: string, { wait, force, json, ...server }: Flags): Promise<void> {
  const client = await clientFor(context, server);
  const started = await doneOnce((repeatKey) => client.build(key, { force }, null, repeatKey));
  if (!json) {
    say(paint('green', 'Build triggered!'));
    say(`  Build ID: ${started.build_id}`);
  }
  if (!wait) {
    if (json) sayJson(started);
    else say(`\nTo wait until it is done:\n  ${context.prefix} status ${key} --wait`);
    return;
  }
  const state = await waitUntilBuilt(client, key, {
    reconnect: patience(),
    timeoutSeconds: usualBuildSeconds,
    onLog: noteBytes,
  });
  if (json) sayJson(state);
  else showDeployment(state);
  if (state.status === 'failed') throw failedBuild(state);
}
