import type { Command } from 'commander';
import { apiCommand, type CliContext, clientFor, type ServerFlags, wholeNumber } from '../context.ts';
import { agentRegistry } from '../../agents/registry.ts';
import { agentLines } from '../logs/agent-lines.ts';
import { note, paint, say, sayBytes } from '../output.ts';
import { patience } from '../patience.ts';
import { resuming } from '../../sdk/reconnecting.ts';

interface Flags extends ServerFlags {
  readonly tests: boolean;
  readonly attempt?: number;
  readonly follow: boolean;
  readonly raw: boolean;
}

export function register(group: Command, context: CliContext): void {
  apiCommand(group, 'logs <id>')
    .description('read what the agent put out, or what the tests did')
    .option('--tests', "the tests' output", false)
    .option('--attempt <n>', 'of that attempt (default: the last)', wholeNumber(1))
    .option('-f, --follow', 'go on until it ends', false)
    .option('--raw', 'byte for byte', false)
    .action((id: string, flags: Flags) => logs(context, id, flags));
}

async function logs(context: CliContext, id: string, flags: Flags): Promise<void> {
  const client = await clientFor(context, flags);
  const { attempt, follow } = flags;
  const stream = flags.tests ? 'tests' : 'agent';
  const open = (offset: number) => client.rolloutLog(id, { stream, attempt, follow, offset });
  const bytes = follow ? resuming(open, patience()) : open(0);
  if (flags.raw || flags.tests) return sayBytes(bytes);
  let empty = true;
  const { agent } = await client.rollout(id);
  for await (const line of agentLines(bytes, agentRegistry.byName(agent)?.output?.(), paint)) {
    empty = false;
    say(line);
  }
  if (empty) note('Nothing was put out yet.');
}
