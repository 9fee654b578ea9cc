import type { OutputReader } from '../../agents/agent.ts';
import type { AgentEvent } from '../../model/agent-event.ts';
import { type Paint, printable } from '../output.ts';
import { clip } from '../table.ts';
import { noLimit, shorten, usualRoom } from '../trace/shorten.ts';
import { outputLines, promptLines } from '../trace/terminal-lines.ts';

/** An agent's output line by line: what it tells as text, anything else as it is. */
export async function* agentLines(
  bytes: AsyncIterable<Uint8Array>,
  read: OutputReader | undefined,
  paint: Paint,
): AsyncGenerator<string> {
  for await (const line of linesOf(bytes)) {
    const events = read?.(line);
    if (events) for (const event of events) yield* agentEventLines(event, paint);
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

/** One thing that an agent did, as people want to see it. */
export function agentEventLines(event: AgentEvent, paint: Paint): string[] {
  const lines = actLines(event, paint);
  if (event.sub_agent === undefined || lines.length === 0) return lines;
  return lines.map((line) => (line === '' ? line : `${paint('magenta', '┆')} ${line}`));
}

function actLines(event: AgentEvent, paint: Paint): string[] {
  switch (event.type) {
    case 'session':
      return [paint('dim', `session ${printable(event.session_id)}`)];
    case 'message':
      return ['', ...shorten(event.text, noLimit)];
    case 'reasoning':
      return ['', ...shorten(event.text, noLimit).map((line) => paint('dim', `(${line})`))];
    case 'tool_call':
      return ['', ...callLines(event.tool, event.input, paint)];
    case 'tool_result':
      return outputLines(event.output, event.exit_code, usualRoom, paint);
    case 'file_change':
      return [paint('cyan', `→ ${event.change} ${printable(event.path)}`)];
    case 'plan':
      return event.steps.map(({ text, done }) => `  ${done ? '☑' : '☐'} ${printable(text)}`);
    case 'retry':
      return [paint('yellow', `↻ ${printable(event.message)}`)];
    case 'notice':
      return [paint('dim', printable(event.message))];
    case 'end':
      return event.reason === 'failed' ? [paint('red', `✗ ${printable(event.message ?? 'it failed')}`)] : [];
  }
}

/** A shell's tool is given by its command alone. */
function callLines(tool: string, input: string, paint: Paint): string[] {
  if (!input.startsWith('{')) return promptLines(input, usualRoom, paint);
  return [paint('cyan', `→ ${printable(tool)}`), ...shorten(input, usualRoom).map((line) => `  ${clip(line, 160)}`)];
}
