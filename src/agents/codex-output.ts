import { z } from 'zod';
import type { AgentEvent } from '../model/agent-event.ts';
import { tryParseJson } from '../model/json.ts';
import { splitWords } from '../model/shell-words.ts';
import type { OutputReader } from './agent.ts';

const itemSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('agent_message'), text: z.string() }),
  z.object({ type: z.literal('reasoning'), text: z.string() }),
  z.object({ type: z.literal('error'), message: z.string() }),
  z.object({
    type: z.literal('command_execution'),
    id: z.string().default(''),
    command: z.string(),
    aggregated_output: z.string().default(''),
    exit_code: z.number().nullish(),
  }),
  z.object({
    type: z.literal('mcp_tool_call'),
    id: z.string().default(''),
    server: z.string(),
    tool: z.string(),
    arguments: z.json().nullish(),
    result: z.json().nullish(),
    error: z.object({ message: z.string() }).nullish(),
  }),
  // A sub-agent is started, asked, waited for; what it does meanwhile is not told.
  z.object({
    type: z.literal('collab_tool_call'),
    id: z.string().default(''),
    tool: z.string(),
    prompt: z.string().nullish(),
    agents_states: z.record(z.string(), z.object({ status: z.string(), message: z.string().nullish() })).default({}),
    status: z.string().nullish(),
  }),
  z.object({ type: z.literal('file_change'), changes: z.array(z.object({ path: z.string(), kind: z.string() })) }),
  z.object({ type: z.literal('todo_list'), items: z.array(z.object({ text: z.string(), completed: z.boolean() })) }),
]);
type Item = z.infer<typeof itemSchema>;

const eventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('thread.started'), thread_id: z.string() }),
  z.object({ type: z.literal('turn.started') }),
  z.object({ type: z.literal('turn.completed') }),
  z.object({ type: z.literal('turn.failed'), error: z.object({ message: z.string() }) }),
  z.object({ type: z.literal('error'), message: z.string() }),
  z.object({ type: z.literal('item.started'), item: itemSchema }),
  z.object({ type: z.literal('item.updated'), item: itemSchema }),
  z.object({ type: z.literal('item.completed'), item: itemSchema }),
]);

/** Lines of `codex exec --json`. */
export function codexOutput(): OutputReader {
  return (line) => {
    const event = line.startsWith('{') ? tryParseJson(line, eventSchema) : undefined;
    if (!event) return undefined;
    switch (event.type) {
      case 'thread.started':
        return [{ type: 'session', session_id: event.thread_id }];
      case 'turn.started':
      case 'item.updated':
        return [];
      case 'turn.completed':
        return [{ type: 'end', reason: 'completed', message: null }];
      case 'turn.failed':
        return [{ type: 'end', reason: 'failed', message: event.error.message }];
      case 'error':
        return [{ type: event.message.startsWith('Reconnecting') ? 'retry' : 'notice', message: event.message }];
      case 'item.started':
        return started(event.item);
      case 'item.completed':
        return completed(event.item);
    }
  };
}

/** Items that take time are told when they begin, and again when they are over. */
function started(item: Item): AgentEvent[] {
  if (item.type === 'command_execution') {
    return [{ type: 'tool_call', call_id: item.id, tool: 'shell', input: scriptOf(item.command) }];
  }
  if (item.type === 'collab_tool_call') {
    return [{ type: 'tool_call', call_id: item.id, tool: item.tool, input: item.prompt ?? '' }];
  }
  if (item.type !== 'mcp_tool_call') return [];
  const input = JSON.stringify(item.arguments ?? {});
  return [{ type: 'tool_call', call_id: item.id, tool: `${item.server}.${item.tool}`, input }];
}

function completed(item: Item): AgentEvent[] {
  switch (item.type) {
    case 'agent_message':
      return [{ type: 'message', text: item.text }];
    case 'reasoning':
      return [{ type: 'reasoning', text: item.text }];
    case 'error':
      return [{ type: 'notice', message: item.message }];
    case 'command_execution': {
      const exit_code = item.exit_code ?? null;
      const failed = exit_code !== 0;
      return [{ type: 'tool_result', call_id: item.id, output: item.aggregated_output, exit_code, failed }];
    }
    case 'mcp_tool_call': {
      const output = item.error?.message ?? JSON.stringify(item.result ?? null);
      return [{ type: 'tool_result', call_id: item.id, output, exit_code: null, failed: Boolean(item.error) }];
    }
    case 'collab_tool_call': {
      const told = Object.values(item.agents_states).map(({ status, message }) => message ?? status);
      const failed = item.status === 'failed';
      return [{ type: 'tool_result', call_id: item.id, output: told.join('\n'), exit_code: null, failed }];
    }
    case 'file_change':
      return item.changes.map(({ path, kind }) => ({ type: 'file_change', path, change: changes[kind] ?? 'changed' }));
    case 'todo_list':
      return [{ type: 'plan', steps: item.items.map(({ text, completed: done }) => ({ text, done })) }];
  }
}

const changes: Readonly<Record<string, 'added' | 'changed' | 'deleted'>> = { add: 'added', delete: 'deleted' };

/** codex shows a command as one line for a shell, `/bin/bash -lc '<script>'`: the script is what was meant. */
function scriptOf(command: string): string {
  const [, flag, script, more] = splitWords(command);
  const isWrapped = script !== undefined && more === undefined && /^-\w*c$/.test(flag?.value ?? '');
  return isWrapped ? script.value : command;
}
