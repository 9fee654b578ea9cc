import type { Command } from 'commander';
import { apiCommand, type CliContext, clientFor, type ServerFlags } from '../context.ts';

export function register(group: Command, context: CliContext): void {
  apiCommand(group, 'export <id>')
    .description('what became of each cell, a line of JSON each')
    .action(async (id: string, flags: ServerFlags) => {
      const client = await clientFor(context, flags);
      for await (const piece of client.batchResults(id)) process.stdout.write(piece);
    });
}
