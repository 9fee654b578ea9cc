import type { Command } from 'commander';
import { limits } from '../../model/limits.ts';
import { apiCommand, type CliContext, clientFor, type ServerFlags, wholeNumber } from '../context.ts';
import { paint, say, sayJson } from '../output.ts';
import { sayBuild } from './build.ts';
import { sayCounts } from './counts.ts';

interface Flags extends ServerFlags {
  readonly count: number;
  readonly startSeed: number;
  readonly build: boolean;
  readonly json: boolean;
}

const [least, most, usual] = limits.instances;

export function register(group: Command, context: CliContext): void {
  apiCommand(group, 'create <deployment>')
    .description('note seeds of a deployment as its instances')
    .option('-c, --count <n>', `how many, at most ${most}`, wholeNumber(least), usual)
    .option('--start-seed <seed>', 'the first one', wholeNumber(limits.seed[0]), 0)
    .option('--build', 'start the build that they wait for, where one is needed (default)', true)
    .option('--no-build', 'leave that')
    .option('--json', 'print JSON', false)
    .action((key: string, flags: Flags) => create(context, key, flags));
}

async function create(context: CliContext, key: string, flags: Flags): Promise<void> {
  const client = await clientFor(context, flags);
  const created = await client.createInstances(key, { count: flags.count, start_seed: flags.startSeed });
  if (!flags.json) {
    say(paint('green', 'Instances created!'));
    sayCounts(created);
  }
  const built = flags.build ? await client.buildInstances(key) : undefined;
  if (flags.json) sayJson({ ...created, ...built });
  else if (built) sayBuild(context, key, built);
}
