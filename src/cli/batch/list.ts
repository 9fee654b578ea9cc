import type { Command } from 'commander';
import { apiCommand, type CliContext, clientFor, type ServerFlags, wholeNumber } from '../context.ts';
import { note, paint, say, sayJson } from '../output.ts';
import { table } from '../table.ts';

interface Flags extends ServerFlags {
  readonly limit: number;
  readonly json: boolean;
}

const columns = [
  { heading: 'BATCH' },
  { heading: 'NAME' },
  { heading: 'DEPLOYMENT' },
  { heading: 'STATUS' },
  { heading: 'STARTED', right: true },
  { heading: 'PLANNED', right: true },
];

export function register(group: Command, context: CliContext): void {
  apiCommand(group, 'list')
    .description('list batches, newest first')
    .option('-l, --limit <n>', 'how many at most', wholeNumber(1), 20)
    .option('--json', 'print JSON', false)
    .action((flags: Flags) => list(context, flags));
}

async function list(context: CliContext, { limit, json, ...server }: Flags): Promise<void> {
  const client = await clientFor(context, server);
  const batches = await client.batches({ limit });
  if (json) return sayJson(batches);
  if (batches.length === 0) return note(`No batches found. \`${context.prefix} batch run\` starts one.`);
  const rows = batches.map(({ id, name, deployment_name: deployment, status, started, planned }) => [
    id,
    name ?? '',
    deployment,
    status,
    String(started),
    String(planned),
  ]);
  for (const line of table(columns, rows, paint)) say(line);
}
