import type { Command } from 'commander';
import { isClosed } from '../../model/rollout.ts';
import { apiCommand, type CliContext, clientFor, type ServerFlags } from '../context.ts';
import { say } from '../output.ts';

export function register(group: Command, context: CliContext): void {
  apiCommand(group, 'cancel <id...>')
    .description('end rollouts; what they have done so far is kept')
    .action((ids: readonly string[], flags: ServerFlags) => cancel(context, ids, flags));
}

async function cancel(context: CliContext, ids: readonly string[], flags: ServerFlags): Promise<void> {
  const client = await clientFor(context, flags);
  for (const id of ids) {
    await client.cancel(id);
    const { status } = await client.rollout(id);
    const isCancelling = !isClosed(status);
    say(`${id}  ${isCancelling ? 'is being cancelled' : `has ended: ${status}`}`);
  }
}
