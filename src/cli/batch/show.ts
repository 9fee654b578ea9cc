import type { Command } from 'commander';
import { apiCommand, type CliContext, clientFor, type ServerFlags } from '../context.ts';
import { paint, say, sayJson } from '../output.ts';
import { batchLines } from './batch-lines.ts';

interface Flags extends ServerFlags {
  readonly json: boolean;
}

export function register(group: Command, context: CliContext): void {
  apiCommand(group, 'show <id>')
    .description('what a batch has come to so far')
    .option('--json', 'print JSON', false)
    .action((id: string, flags: Flags) => show(context, id, flags));
}

async function show(context: CliContext, id: string, { json, ...server }: Flags): Promise<void> {
  const batch = await (await clientFor(context, server)).batch(id);
  if (json) return sayJson(batch);
  for (const line of batchLines(batch, paint)) say(line);
}
