import { type Command, Option } from 'commander';
import { deploymentStatuses } from '../../model/deployment.ts';
import { apiCommand, type CliContext, clientFor, type ServerFlags } from '../context.ts';
import { paint, paintStatus, say, sayJson } from '../output.ts';
import { table } from '../table.ts';
import { sayCounts } from './counts.ts';

interface Flags extends ServerFlags {
  readonly status?: string;
  readonly json: boolean;
}

export function register(group: Command, context: CliContext): void {
  apiCommand(group, 'list <deployment>')
    .description('list the instances of a deployment by seed')
    .addOption(new Option('-s, --status <status>', 'only those').choices(deploymentStatuses))
    .option('--json', 'print JSON', false)
    .action((key: string, flags: Flags) => list(context, key, flags));
}

async function list(context: CliContext, key: string, { status, json, ...server }: Flags): Promise<void> {
  const client = await clientFor(context, server);
  const found = await client.instances(key, { status });
  if (json) return sayJson(found);
  say(`Instances of ${paint('bold', key)}:`);
  sayCounts(found);
  if (found.instances.length === 0) return;
  say();
  const rows = found.instances.map((one) => [String(one.seed), paintStatus(paint, one.status), one.error ?? '']);
  const columns = [{ heading: 'SEED', right: true }, { heading: 'STATUS' }, { heading: '' }];
  for (const line of table(columns, rows, paint)) say(line);
}
