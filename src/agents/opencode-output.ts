import { z } from 'zod';
import type { AgentAct, AgentEvent } from '../model/agent-event.ts';
import { jsonObjectSchema, tryParseJson } from '../model/json.ts';
import type { OutputReader } from './agent.ts';

const stateSchema = z.object({
  status: z.string(),
  input: jsonObjectSchema.default({}),
  output: z.string().nullish(),
  error: z.string().nullish(),
  metadata: z.object({ exit: z.number().nullish() }).nullish().catch(null),
});

const errorSchema = z.object({
  name: z.string(),
  data: z.object({ message: z.string().nullish() }).nullish().catch(null),
});

const lineSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('step_start') }),
  z.object({ type: z.literal('step_finish'), part: z.object({ reason: z.string() }) }),
  z.object({ type: z.literal('text'), part: z.object({ text: z.string() }) }),
  z.object({ type: z.literal('reasoning'), part: z.object({ text: z.string() }) }),
  z.object({
    type: z.literal('tool_use'),
    part: z.object({ callID: z.string(), tool: z.string(), state: stateSchema }),
  }),
  z.object({ type: z.literal('error'), error: errorSchema }),
]);
type Line = z.infer<typeof lineSchema>;
type ToolUse = Extract<Line, { type: 'tool_use' }>['part'];

const sessionSchema = z.object({ sessionID: z.string() });

const todosSchema = z.object({ todos: z.array(z.object({ content: z.string(), status: z.string() })) });

/**
 * Lines of `opencode run --format json`. It tells of tool calls when they are over, of its sub-agents' doings nothing but
 * the result, and of retries nothing at all: a text that comes twice is one.
 */
export function opencodeOutput(): OutputReader {
  let session: string | undefined;
  return (text) => {
    const line = text.startsWith('{') ? tryParseJson(text, lineSchema) : undefined;
    if (!line) return undefined;
    const events: AgentEvent[] = actsOf(line);
    const sessionId = tryParseJson(text, sessionSchema)?.sessionID;
    if (sessionId === undefined || sessionId === session) return events;
    session = sessionId;
    return [{ type: 'session', session_id: sessionId }, ...events];
  };
}

/** What the last line says of a failure, if it is an error. */
export function opencodeFailure(outputTail: string): string | undefined {
  const last = tryParseJson(outputTail.trimEnd().split('\n').at(-1) ?? '', lineSchema);
  return last?.type === 'error' ? errorText(last.error) : undefined;
}

function actsOf(line: Line): AgentAct[] {
  switch (line.type) {
    case 'step_start':
      return [];
    case 'step_finish':
      // After a step that called tools comes another.
      return line.part.reason === 'tool-calls' ? [] : [{ type: 'end', reason: 'completed', message: null }];
    case 'text':
      return [{ type: 'message', text: line.part.text }];
    case 'reasoning':
      return [{ type: 'reasoning', text: line.part.text }];
    case 'tool_use':
      return toolActs(line.part);
    case 'error':
      return [{ type: 'end', reason: 'failed', message: errorText(line.error) }];
  }
}

function toolActs({ callID: callId, tool, state }: ToolUse): AgentAct[] {
  const plan = tool === 'todowrite' ? todosSchema.safeParse(state.input).data : undefined;
  if (plan) {
    return [
      {
        type: 'plan',
        steps: plan.todos.map(({ content, status }) => ({ text: content, done: status === 'completed' })),
      },
    ];
  }
  const { command } = state.input;
  const exitCode = state.metadata?.exit ?? null;
  const failed = state.status === 'error' || (exitCode !== null && exitCode !== 0);
  return [
    {
      type: 'tool_call',
      call_id: callId,
      tool,
      input: typeof command === 'string' ? command : JSON.stringify(state.input),
    },
    { type: 'tool_result', call_id: callId, output: state.error ?? state.output ?? '', exit_code: exitCode, failed },
  ];
}

function errorText({ name, data }: z.infer<typeof errorSchema>): string {
  return data?.message || name;
}
