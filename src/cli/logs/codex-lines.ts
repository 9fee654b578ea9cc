import { z } from 'zod';
import { tryParseJson } from '../../model/json.ts';
import { splitWords } from '../../model/shell-words.ts';
import { count } from '../format.ts';
import { type Paint, printable } from '../output.ts';
import { noLimit, shorten, usualRoom } from '../trace/shorten.ts';
import { outputLines, promptLines } from '../trace/terminal-lines.ts';

const itemSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('agent_message'), text: z.string() }),
  z.object({ type: z.literal('reasoning'), text: z.string() }),
  z.object({ type: z.literal('error'), message: z.string() }),
  z.object({
    type: z.literal('command_execution'),
    command: z.string(),
    aggregated_output: z.string().default(''),
    exit_code: z.number().nullish(),
  }),
  z.object({ type: z.literal('file_change'), changes: z.array(z.object({ path: z.string(), kind: z.string() })) }),
  z.object({ type: z.literal('todo_list'), items: z.array(z.object({ text: z.string(), completed: z.boolean() })) }),
]);
type Item = z.infer<typeof itemSchema>;

/** Lines of `codex exec --json`, as far as people want to read them. */
const eventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('thread.started'), thread_id: z.string() }),
  z.object({ type: z.literal('turn.started') }),
  z.object({
    type: z.literal('turn.completed'),
    usage: z.object({ input_tokens: z.number(), output_tokens: z.number() }),
  }),
  z.object({ type: z.literal('turn.failed'), error: z.object({ message: z.string() }) }),
  z.object({ type: z.literal('error'), message: z.string() }),
  z.object({ type: z.literal('item.started'), item: itemSchema }),
  z.object({ type: z.literal('item.updated'), item: itemSchema }),
  z.object({ type: z.literal('item.completed'), item: itemSchema }),
]);
type Event = z.infer<typeof eventSchema>;

/** An agent's output line by line: codex's events as text, anything else as it is. */
export async function* codexLines(bytes: AsyncIterable<Uint8Array>, paint: Paint): AsyncGenerator<string> {
  for await (const line of linesOf(bytes)) {
    const event = line.startsWith('{') ? tryParseJson(line, eventSchema) : undefined;
    if (event) yield* renderEvent(event, paint);
    else yield printable(line);
  }
}

async function* linesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of bytes) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

function renderEvent(event: Event, paint: Paint): string[] {
  if (event.type === 'item.completed') return renderItem(event.item, paint);
  if (event.type === 'item.started' && event.item.type === 'command_execution') {
    return ['', ...prompt(event.item.command, paint)];
  }
  if (event.type === 'turn.completed') {
    const { input_tokens: input, output_tokens: output } = event.usage;
    return ['', paint('dim', `${count(input)} tokens in, ${count(output)} out`)];
  }
  if (event.type === 'turn.failed') return [paint('red', `✗ ${printable(event.error.message)}`)];
  return event.type === 'error' ? [paint('yellow', printable(event.message))] : [];
}

function renderItem(item: Item, paint: Paint): string[] {
  if (item.type === 'agent_message') return ['', ...shorten(item.text, noLimit)];
  if (item.type === 'reasoning') return ['', ...shorten(item.text, noLimit).map((line) => paint('dim', `(${line})`))];
  if (item.type === 'command_execution') {
    return outputLines(item.aggregated_output, item.exit_code ?? null, usualRoom, paint);
  }
  if (item.type === 'file_change') {
    return item.changes.map(({ kind, path }) => paint('cyan', `→ ${kind} ${printable(path)}`));
  }
  if (item.type === 'todo_list') {
    return item.items.map(({ text, completed }) => `  ${completed ? '☑' : '☐'} ${printable(text)}`);
  }
  return [paint('dim', printable(item.message))];
}

/** codex shows the command as one line for a shell, `/bin/bash -lc '<script>'`: people want the script. */
function prompt(command: string, paint: Paint): string[] {
  const [, flag, script, more] = splitWords(command);
  const isWrapped = script !== undefined && more === undefined && /^-\w*c$/.test(flag?.value ?? '');
  return promptLines(isWrapped ? script.value : command, usualRoom, paint);
}
