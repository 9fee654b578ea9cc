import type { Command } from 'commander';
import { apiCommand, type CliContext, clientFor, type ServerFlags, wholeNumber } from '../context.ts';
import { followBatch } from './follow.ts';

interface Flags extends ServerFlags {
  readonly after: number;
  readonly json: boolean;
}

export function register(group: Command, context: CliContext): void {
  apiCommand(group, 'watch <id>')
    .description('see how a batch goes, until it has ended; Ctrl-C leaves it running')
    .option('--after <seq>', 'leave out what happened up to this event', wholeNumber(0), 0)
    .option('--json', 'print each event as a line of JSON', false)
    .action(async (id: string, { after, json, ...server }: Flags) => {
      const client = await clientFor(context, server);
      process.exitCode = await followBatch(context, client, id, { json, after });
    });
}
