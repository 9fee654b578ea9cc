import { type Command, Option } from 'commander';
import { type RolloutStatus, rolloutStatuses } from '../../model/rollout.ts';
import { apiCommand, type CliContext, clientFor, type ServerFlags, wholeNumber } from '../context.ts';
import { note, paint, say, sayJson } from '../output.ts';
import { rolloutTable } from '../rollout-rows.ts';

interface Flags extends ServerFlags {
  readonly deployment?: string;
  readonly status?: RolloutStatus;
  readonly comparison?: string;
  readonly limit: number;
  readonly json: boolean;
}

export function register(group: Command, context: CliContext): void {
  apiCommand(group, 'list')
    .description('list rollouts, newest first')
    .option('-d, --deployment <deployment>', 'only its rollouts')
    .addOption(new Option('-s, --status <status>', 'only those').choices(rolloutStatuses))
    .option('--comparison <id>', 'only those that are compared under this id')
    .option('-l, --limit <n>', 'how many at most', wholeNumber(1), 20)
    .option('--json', 'print JSON', false)
    .action((flags: Flags) => list(context, flags));
}

async function list(
  context: CliContext,
  { deployment, status, comparison, limit, json, ...server }: Flags,
): Promise<void> {
  const client = await clientFor(context, server);
  const rollouts = await client.rollouts({ deployment, status, comparison, limit });
  if (json) return sayJson(rollouts);
  if (rollouts.length === 0) return note(`No rollouts found. \`${context.prefix} run\` starts some.`);
  for (const line of rolloutTable(rollouts, paint)) say(line);
}
