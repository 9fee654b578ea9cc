import type { Command } from 'commander';
import { HarborError } from '../../model/errors.ts';
import { apiCommand, type CliContext, clientFor, type ServerFlags } from '../context.ts';
import { size } from '../format.ts';
import { note, paint, say, sayBytes, sayJson } from '../output.ts';
import { table } from '../table.ts';

interface Flags extends ServerFlags {
  readonly get?: string;
  readonly json: boolean;
}

export function register(group: Command, context: CliContext): void {
  apiCommand(group, 'artifacts <id>')
    .description("list what a rollout left: the agent's changes, its result, the tests' verdict")
    .option('--get <name>', 'print that one')
    .option('--json', 'print JSON', false)
    .action((id: string, flags: Flags) => artifacts(context, id, flags));
}

async function artifacts(context: CliContext, id: string, { get, json, ...server }: Flags): Promise<void> {
  const client = await clientFor(context, server);
  const all = await client.artifacts(id);
  if (get !== undefined) {
    // Several attempts may each have left one: the last one counts.
    const found = all.filter(({ name }) => name === get).toSorted((a, b) => b.attempt - a.attempt)[0];
    if (found?.omitted) throw new HarborError('invalid_request', `${get} was not kept: ${found.omitted}`);
    if (found) return sayBytes(client.artifact(id, found.attempt, found.name));
    throw new HarborError('invalid_request', `rollout ${id} has no artifact ${get}`, {
      remedy: all.length === 0 ? 'It has none at all.' : `It has ${all.map(({ name }) => name).join(', ')}.`,
    });
  }
  if (json) return sayJson(all);
  if (all.length === 0) return note('It left nothing.');
  const columns = [
    { heading: 'NAME' },
    { heading: 'ATTEMPT', right: true },
    { heading: 'SIZE', right: true },
    { heading: 'TYPE' },
  ];
  const rows = all.map((one) => [
    one.name,
    String(one.attempt),
    one.omitted === null ? size(one.size_bytes) : paint('yellow', 'not kept'),
    one.omitted ?? one.content_type,
  ]);
  for (const line of table(columns, rows, paint)) say(line);
  say(`\nTo print one: ${context.prefix} rollout artifacts ${id} --get ${all[0]?.name ?? 'NAME'}`);
}
