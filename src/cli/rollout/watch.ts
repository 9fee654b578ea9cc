import type { Command } from 'commander';
import { resumingEvents } from '../../sdk/events.ts';
import { apiCommand, type CliContext, clientFor, type ServerFlags, wholeNumber } from '../context.ts';
import { eventLines } from '../logs/event-lines.ts';
import { note, paint, say } from '../output.ts';
import { patience } from '../patience.ts';

interface Flags extends ServerFlags {
  readonly after: number;
  readonly json: boolean;
}

export function register(group: Command, context: CliContext): void {
  apiCommand(group, 'watch <id>')
    .description('see what happens in a rollout, as it happens')
    .option('--after <seq>', 'leave out what happened up to this event', wholeNumber(0), 0)
    .option('--json', 'print each event as a line of JSON', false)
    .action((id: string, flags: Flags) => watch(context, id, flags));
}

async function watch(context: CliContext, id: string, { after, json, ...server }: Flags): Promise<void> {
  const client = await clientFor(context, server);
  const rollout = await client.rollout(id);
  if (!json) {
    const what = `${rollout.deployment}, seed ${rollout.seed ?? '-'}, ${rollout.agent} with ${rollout.model ?? 'no model'}`;
    say(`Rollout ${paint('bold', id)}: ${what}`);
  }
  const open = (place: number) => client.events(id, { after: place });
  for await (const event of resumingEvents(open, patience(), after)) {
    if (json) say(JSON.stringify(event));
    else for (const line of eventLines(event, paint)) say(line);
  }
  if (!json) note(`\nMore: ${context.prefix} rollout show ${id}, ${context.prefix} rollout trace ${id}`);
}
