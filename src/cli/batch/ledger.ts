import type { Command } from 'commander';
import { apiCommand, type CliContext, clientFor, type ServerFlags } from '../context.ts';
import { sayJson } from '../output.ts';

export function register(group: Command, context: CliContext): void {
  apiCommand(group, 'ledger <id>')
    .description('the books of a batch as JSON, first the share of attempts that was lost to infrastructure')
    .action(async (id: string, flags: ServerFlags) => sayJson(await (await clientFor(context, flags)).batchLedger(id)));
}
