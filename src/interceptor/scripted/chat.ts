import { z } from 'zod';
import { type Json, type JsonObject, tryParseJson } from '../../model/json.ts';
import { type Reply, type ScriptedDialect, type ScriptedRequest, words } from './reply.ts';
import { toolSchema } from './shell-tool.ts';

const requestSchema = z.object({
  model: z.string(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  messages: z.array(z.looseObject({ role: z.string() })),
  tools: z.array(z.object({ function: toolSchema.nullish().catch(null) })).nullish(),
});

interface ChatRequest extends ScriptedRequest {
  /** Whether the stream shall tell the usage. */
  readonly wantsUsage: boolean;
}

/** OpenAI's Chat Completions API. https://platform.openai.com/docs/api-reference/chat-streaming */
export const scriptedChat: ScriptedDialect<ChatRequest> = {
  read(body) {
    const request = tryParseJson(body, requestSchema);
    if (!request) return undefined;
    const { messages } = request;
    const lastAnswer = messages.findLastIndex(({ role }) => role === 'assistant');
    return {
      model: request.model,
      streamed: request.stream ?? false,
      wantsUsage: request.stream_options?.include_usage ?? false,
      tools: (request.tools ?? []).flatMap((tool) => tool.function ?? []),
      outputs: messages.filter(({ role }) => role === 'tool').length,
      newBytes: lastAnswer < 0 ? Infinity : Buffer.byteLength(JSON.stringify(messages.slice(lastAnswer))),
    };
  },

  answer(reply) {
    const { text, call } = reply.turn;
    const message = { role: 'assistant', content: text || null, ...(call && { tool_calls: [toolCall(reply)] }) };
    const choice = { index: 0, message, logprobs: null, finish_reason: finishReason(reply) };
    return { ...envelope(reply, 'chat.completion'), choices: [choice], usage: usage(reply) };
  },

  *stream(reply, { wantsUsage }) {
    const chunk = (choices: Json[], usageNow: JsonObject | null = null): string => {
      const data = { ...envelope(reply, 'chat.completion.chunk'), choices, ...(wantsUsage && { usage: usageNow }) };
      return `data: ${JSON.stringify(data)}\n\n`;
    };
    const delta = (fields: JsonObject, finish: string | null = null): string =>
      chunk([{ index: 0, delta: fields, logprobs: null, finish_reason: finish }]);
    const { text, call } = reply.turn;
    yield delta({ role: 'assistant', content: '' });
    for (const content of words(text)) yield delta({ content });
    if (call) {
      yield delta({ tool_calls: [{ index: 0, ...toolCall(reply, '') }] });
      for (const piece of words(call.input)) {
        yield delta({ tool_calls: [{ index: 0, function: { arguments: piece } }] });
      }
    }
    yield delta({}, finishReason(reply));
    if (wantsUsage) yield chunk([], usage(reply));
    yield 'data: [DONE]\n\n';
  },
};

function envelope({ seed, createdAt, model }: Reply, object: string): JsonObject {
  return { id: `chatcmpl-${seed}`, object, created: createdAt, model };
}

function toolCall({ seed, turn: { call } }: Reply, input = call?.input ?? ''): JsonObject {
  return { id: `call_${seed}`, type: 'function', function: { name: call?.name ?? '', arguments: input } };
}

function finishReason({ turn: { call } }: Reply): string {
  return call ? 'tool_calls' : 'stop';
}

function usage({ inputTokens, cachedTokens, outputTokens }: Reply): JsonObject {
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
    completion_tokens_details: { reasoning_tokens: 0 },
  };
}
