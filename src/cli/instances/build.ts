import type { Command } from 'commander';
import type { InstancesBuild } from '../../sdk/client.ts';
import { apiCommand, type CliContext, clientFor, type ServerFlags } from '../context.ts';
import { say, sayJson } from '../output.ts';
import { sayCounts } from './counts.ts';

interface Flags extends ServerFlags {
  readonly json: boolean;
}

export function register(group: Command, context: CliContext): void {
  apiCommand(group, 'build <deployment>')
    .description('start the build that the instances wait for, where one is needed')
    .option('--json', 'print JSON', false)
    .action((key: string, flags: Flags) => build(context, key, flags));
}

async function build(context: CliContext, key: string, { json, ...server }: Flags): Promise<void> {
  const client = await clientFor(context, server);
  const built = await client.buildInstances(key);
  if (json) return sayJson(built);
  sayBuild(context, key, built);
  sayCounts(built);
}

export function sayBuild({ prefix }: CliContext, key: string, { build_id: id }: InstancesBuild): void {
  if (id === null) say('Nothing has to be built.');
  else say(`The build ${id} is under way. To wait until it is done:\n  ${prefix} status ${key} --wait`);
}
