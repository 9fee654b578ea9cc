import { type Command, Option } from 'commander';
import { type FailureClass, failures } from '../../model/failures.ts';
import { apiCommand, type CliContext, clientFor, type ServerFlags } from '../context.ts';
import { say } from '../output.ts';
import { doneOnce } from '../patience.ts';

interface Flags extends ServerFlags {
  readonly class?: readonly FailureClass[];
  readonly seeds?: readonly number[];
}

export function register(group: Command, context: CliContext): void {
  apiCommand(group, 'retry <id>')
    .description('run the cells of a batch again that have no reward; old rollouts stay')
    .addOption(new Option('--class <class...>', 'only those that ended this way').choices(Object.keys(failures)))
    .option('-s, --seeds <seeds>', 'only those, as 1,2,5', (text) => text.split(',').map(Number))
    .action((id: string, flags: Flags) => retry(context, id, flags));
}

async function retry(context: CliContext, id: string, { class: classes, seeds, ...server }: Flags): Promise<void> {
  const client = await clientFor(context, server);
  const selection = { ...(classes && { classes: [...classes] }), ...(seeds && { seeds: [...seeds] }) };
  const { status } = await doneOnce((repeatKey) => client.retryBatch(id, selection, repeatKey));
  say(`${id}  ${status}`);
}
