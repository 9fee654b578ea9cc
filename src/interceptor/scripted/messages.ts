import { z } from 'zod';
import { type JsonObject, jsonObjectSchema, parseJson, tryParseJson } from '../../model/json.ts';
import { type Reply, type ScriptedDialect, words } from './reply.ts';
import { type OfferedTool, parametersSchema } from './shell-tool.ts';

const messageSchema = z.object({
  role: z.string(),
  content: z.union([z.string(), z.array(z.looseObject({ type: z.string() }))]),
});
const toolSchema = z.object({ name: z.string(), input_schema: parametersSchema });
const requestSchema = z.object({
  model: z.string(),
  stream: z.boolean().nullish(),
  messages: z.array(messageSchema),
  tools: z.array(z.unknown()).nullish(),
});

/** Anthropic's Messages API, with the events of https://docs.anthropic.com/en/api/messages-streaming */
export const scriptedMessages: ScriptedDialect = {
  read(body) {
    const request = tryParseJson(body, requestSchema);
    if (!request) return undefined;
    const { messages } = request;
    const blocks = messages.flatMap(({ content }) => (typeof content === 'string' ? [] : content));
    const lastAnswer = messages.findLastIndex(({ role }) => role === 'assistant');
    return {
      model: request.model,
      streamed: request.stream ?? false,
      tools: (request.tools ?? []).flatMap(offered),
      outputs: blocks.filter(({ type }) => type === 'tool_result').length,
      newBytes: lastAnswer < 0 ? Infinity : Buffer.byteLength(JSON.stringify(messages.slice(lastAnswer))),
    };
  },

  answer: (reply) => ({
    ...envelope(reply),
    content: blocksOf(reply),
    stop_reason: stopReason(reply),
    usage: { ...inputUsage(reply), output_tokens: reply.outputTokens },
  }),

  *stream(reply) {
    const event = (type: string, fields: JsonObject = {}): string =>
      `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
    const usage = { ...inputUsage(reply), output_tokens: 1 };
    yield event('message_start', { message: { ...envelope(reply), content: [], stop_reason: null, usage } });
    for (const [index, block] of blocksOf(reply).entries()) {
      yield event('content_block_start', { index, content_block: { ...block, ...unfinished(block) } });
      for (const delta of pieces(block, reply)) yield event('content_block_delta', { index, delta });
      yield event('content_block_stop', { index });
    }
    yield event('message_delta', {
      delta: { stop_reason: stopReason(reply), stop_sequence: null },
      usage: { output_tokens: reply.outputTokens },
    });
    yield event('message_stop');
  },
};

/** The answer to a question for the count of a request's tokens. */
export function countedTokens({ inputTokens }: Reply): JsonObject {
  return { input_tokens: inputTokens };
}

/** Tools that the provider runs or defines itself come without a schema and are no shell of the agent's. */
function offered(tool: unknown): OfferedTool[] {
  const { success, data } = toolSchema.safeParse(tool);
  return success ? [{ name: data.name, parameters: data.input_schema }] : [];
}

function envelope({ seed, model }: Reply): JsonObject {
  return { id: `msg_${seed}`, type: 'message', role: 'assistant', model, stop_sequence: null };
}

function blocksOf({ seed, turn: { text, call } }: Reply): JsonObject[] {
  return [
    ...(text !== '' || !call ? [{ type: 'text', text }] : []),
    ...(call
      ? [{ type: 'tool_use', id: `toolu_${seed}`, name: call.name, input: parseJson(call.input, jsonObjectSchema) }]
      : []),
  ];
}

/** How a block looks when it is announced. */
function unfinished({ type }: JsonObject): JsonObject {
  return type === 'text' ? { text: '' } : { input: {} };
}

function pieces({ type }: JsonObject, { turn: { text, call } }: Reply): JsonObject[] {
  if (type === 'text') return words(text).map((word) => ({ type: 'text_delta', text: word }));
  return words(call?.input ?? '').map((json) => ({ type: 'input_json_delta', partial_json: json }));
}

function stopReason({ turn: { call } }: Reply): string {
  return call ? 'tool_use' : 'end_turn';
}

function inputUsage({ inputTokens, cachedTokens }: Reply): JsonObject {
  return {
    input_tokens: inputTokens - cachedTokens,
    cache_read_input_tokens: cachedTokens,
    cache_creation_input_tokens: 0,
  };
}
