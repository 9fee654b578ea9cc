import { type Command, Option } from 'commander';
import { deploymentStatuses } from '../model/deployment.ts';
import { apiCommand, type CliContext, clientFor, type ServerFlags, wholeNumber } from './context.ts';
import { moment } from './format.ts';
import { note, paint, paintStatus, say, sayJson } from './output.ts';
import { table } from './table.ts';

interface Flags extends ServerFlags {
  readonly status?: string;
  readonly limit: number;
  readonly json: boolean;
}

export function register(program: Command, context: CliContext): void {
  apiCommand(program, 'list')
    .description('list the deployments, newest first')
    .addOption(new Option('-s, --status <status>', 'only those').choices(deploymentStatuses))
    .option('-l, --limit <n>', 'how many at most', wholeNumber(1), 50)
    .option('--json', 'print JSON', false)
    .action((flags: Flags) => list(context, flags));
}

async function list(context: CliContext, { status, limit, json, ...server }: Flags): Promise<void> {
  const client = await clientFor(context, server);
  const deployments = await client.list({ status, limit });
  if (json) return sayJson(deployments);
  if (deployments.length === 0) {
    note(`No deployments found. \`${context.prefix} upload\` makes one.`);
    return;
  }
  const rows = deployments.map((one) => [
    one.name,
    paintStatus(paint, one.status),
    String(one.generation),
    moment(one.updated_at),
    one.id,
  ]);
  const columns = ['NAME', 'STATUS', 'GENERATION', 'CHANGED', 'ID'].map((heading) => ({ heading }));
  for (const line of table(columns, rows, paint)) say(line);
}
