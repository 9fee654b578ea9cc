import type { Command } from 'commander';
import { apiCommand, type CliContext, clientFor, type ServerFlags } from '../context.ts';
import { sayBytes } from '../output.ts';

export function register(group: Command, context: CliContext): void {
  apiCommand(group, 'trajectory <id>')
    .description('print what it did as a trajectory in the format ATIF (JSON), for trainers and viewers')
    .action((id: string, flags: ServerFlags) => trajectory(context, id, flags));
}

async function trajectory(context: CliContext, id: string, server: ServerFlags): Promise<void> {
  const client = await clientFor(context, server);
  return sayBytes(client.trajectory(id));
}
