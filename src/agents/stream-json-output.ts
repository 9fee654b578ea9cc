import { z } from 'zod';
import type { AgentAct, AgentEvent } from '../model/agent-event.ts';
import { type JsonObject, jsonObjectSchema, tryParseJson } from '../model/json.ts';
import type { OutputReader } from './agent.ts';

const blockSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text'), text: z.string() }),
  z.object({ type: z.literal('thinking'), thinking: z.string() }),
  z.object({ type: z.literal('tool_use'), id: z.string(), name: z.string(), input: jsonObjectSchema }),
  z.object({
    type: z.literal('tool_result'),
    tool_use_id: z.string(),
    /** Text, or blocks of which some are text. */
    content: z.union([z.string(), z.array(z.object({ text: z.string().nullish() }))]).nullish(),
    is_error: z.boolean().nullish(),
  }),
]);
type Block = z.infer<typeof blockSchema>;
type ToolResult = Extract<Block, { type: 'tool_result' }>;

const lineSchema = z.object({
  type: z.string(),
  subtype: z.string().nullish(),
  session_id: z.string().nullish(),
  /** The call that started the sub-agent of which the line tells. */
  parent_tool_use_id: z.string().nullish(),
  message: z
    .object({ model: z.string().nullish(), content: z.array(blockSchema.nullable().catch(null)) })
    .nullish()
    .catch(null),
  is_error: z.boolean().nullish(),
  result: z.string().nullish(),
  error: z.union([z.string(), z.object({ message: z.string() })]).nullish(),
  attempt: z.number().nullish(),
  max_retries: z.number().nullish(),
  error_status: z.number().nullish(),
});
type Line = z.infer<typeof lineSchema>;

/** Lines of `--output-format stream-json`, as Claude Code prints them, and Qwen Code after it. */
export function streamJsonOutput(): OutputReader {
  const shellCalls = new Set<string>();
  return (text) => {
    const line = text.startsWith('{') ? tryParseJson(text, lineSchema) : undefined;
    if (!line) return undefined;
    const { parent_tool_use_id: subAgent } = line;
    return actsOf(line, shellCalls).map((act): AgentEvent => (subAgent ? { ...act, sub_agent: subAgent } : act));
  };
}

/** What a run says of its failure in its last line, if it failed. */
export function streamJsonFailure(outputTail: string): string | undefined {
  for (const text of outputTail.split('\n').toReversed()) {
    const line = tryParseJson(text, lineSchema);
    if (line?.type === 'result') return line.is_error ? failureText(line) : undefined;
  }
  return undefined;
}

function actsOf(line: Line, shellCalls: Set<string>): AgentAct[] {
  if (line.type === 'system') return systemActs(line);
  if (line.type === 'result') {
    // `subtype` says "success" of failures as well.
    return line.is_error
      ? [{ type: 'end', reason: 'failed', message: failureText(line) }]
      : [{ type: 'end', reason: 'completed', message: null }];
  }
  if (line.type !== 'assistant' && line.type !== 'user') return [];
  const acts = (line.message?.content ?? []).flatMap((block) => (block ? blockActs(line, block, shellCalls) : []));
  // An error of the agent's own, put into its model's mouth.
  if (line.message?.model !== '<synthetic>') return acts;
  return acts.map((act) => (act.type === 'message' ? { type: 'notice', message: act.text } : act));
}

function systemActs({ subtype, session_id: sessionId, ...line }: Line): AgentAct[] {
  if (subtype === 'init' && sessionId) return [{ type: 'session', session_id: sessionId }];
  if (subtype === 'api_retry') {
    const reason = line.error_status ?? (typeof line.error === 'string' ? line.error : 'no answer');
    return [{ type: 'retry', message: `${reason}, retry ${line.attempt} of ${line.max_retries}` }];
  }
  return subtype === 'retry' ? [{ type: 'retry', message: 'the call failed' }] : [];
}

function blockActs({ type }: Line, block: Block, shellCalls: Set<string>): AgentAct[] {
  // What users say is the prompt, or what a sub-agent is asked.
  if (type === 'user') return block.type === 'tool_result' ? [toolResult(block, shellCalls)] : [];
  switch (block.type) {
    case 'text':
      return [{ type: 'message', text: block.text }];
    case 'thinking':
      return [{ type: 'reasoning', text: block.thinking }];
    case 'tool_use': {
      const command = commandOf(block.input);
      if (command !== undefined) shellCalls.add(block.id);
      const input = command ?? JSON.stringify(block.input);
      return [{ type: 'tool_call', call_id: block.id, tool: block.name, input }];
    }
    case 'tool_result':
      return [];
  }
}

/** Only shells take a command. */
function commandOf({ command }: JsonObject): string | undefined {
  return typeof command === 'string' ? command : undefined;
}

function toolResult({ tool_use_id: callId, content, is_error }: ToolResult, shellCalls: Set<string>): AgentAct {
  const failed = is_error ?? false;
  const output = typeof content === 'string' ? content : (content ?? []).map(({ text }) => text ?? '').join('\n');
  // Claude Code puts the code first, Qwen Code near the end; both only where it is not 0.
  const told = /^Exit code:? (\d+)$/im.exec(output)?.[1];
  const exitCode = failed ? (told === undefined ? null : Number(told)) : 0;
  return { type: 'tool_result', call_id: callId, output, exit_code: shellCalls.has(callId) ? exitCode : null, failed };
}

function failureText({ error, result, subtype }: Line): string {
  const said = typeof error === 'string' ? error : error?.message;
  return said ?? result ?? subtype ?? 'it says no more';
}
