import { z } from 'zod';
import { tryParseJson } from '../../model/json.ts';
import { type AnswerFacts, type DialectSpec, type ReportedUsage, noFacts } from './dialect.ts';
import { readEvents } from './server-sent-events.ts';

const requestSchema = z.object({
  model: z.string().nullish().catch(null),
  stream: z.boolean().nullish().catch(null),
});

const tokens = z.number().nullish();
const usageSchema = z.object({
  /** Less what was read from the cache and written into it. */
  input_tokens: tokens,
  cache_read_input_tokens: tokens,
  cache_creation_input_tokens: tokens,
  cache_creation: z.object({ ephemeral_1h_input_tokens: tokens }).nullish().catch(null),
  output_tokens: tokens,
  output_tokens_details: z.object({ thinking_tokens: tokens }).nullish().catch(null),
});
type Usage = z.infer<typeof usageSchema>;

const errorSchema = z.object({ type: z.string().nullish(), message: z.string().nullish() });

/** A message as it stands when it begins, or as a whole; or an error in its place. */
const messageSchema = z.object({
  id: z.string().nullish().catch(null),
  model: z.string().nullish().catch(null),
  stop_reason: z.string().nullish().catch(null),
  usage: usageSchema.nullish().catch(null),
  error: errorSchema.nullish().catch(null),
});
type Message = z.infer<typeof messageSchema>;

const eventSchema = z.object({
  type: z.string(),
  message: messageSchema.nullish().catch(null),
  delta: z
    .object({ stop_reason: z.string().nullish().catch(null) })
    .nullish()
    .catch(null),
  usage: usageSchema.nullish().catch(null),
  error: errorSchema.nullish().catch(null),
});

/** Events that tell of the message; the many others carry pieces of it. */
const telling = /^(message_(start|delta|stop)|error)$/;
const last = /^(message_stop|error)$/;

/**
 * Anthropic's Messages API. https://docs.anthropic.com/en/api/messages. Its clients take a base address without `/v1`. The
 * counting of tokens is a call like any other, whose answer is no usage.
 */
export const anthropicMessages: DialectSpec = {
  name: 'anthropic-messages',
  provider: 'anthropic',
  routes: [
    { ending: '/messages', upstreamPath: '/v1/messages' },
    { ending: '/messages/count_tokens', upstreamPath: '/v1/messages/count_tokens' },
  ],
  streamEnd: /"type": ?"(message_stop|error)"/,
  errorBody: ({ status, message }) => ({ type: 'error', error: { type: errorType(status), message } }),
  reader: {
    request(body) {
      const request = tryParseJson(body, requestSchema);
      return { model: request?.model ?? null, streamed: request?.stream ?? false };
    },
    answer(body) {
      const message = tryParseJson(body, messageSchema);
      return message ? { ...messageFacts(message), usage: reported(message.usage), isWhole: true } : noFacts;
    },
    stream(body) {
      let facts = noFacts;
      let usage: Usage = {};
      for (const { event, data } of readEvents(body)) {
        if (event !== '' && !telling.test(event)) continue;
        const said = tryParseJson(data, eventSchema);
        if (!said || !telling.test(said.type)) continue;
        if (said.message) facts = messageFacts(said.message);
        // Counts are of the whole message so far: the last word on each is the valid one.
        usage = { ...usage, ...known(said.message?.usage), ...known(said.usage) };
        if (said.delta?.stop_reason) facts = { ...facts, stopReason: said.delta.stop_reason };
        if (said.type === 'error') facts = { ...facts, stopReason: 'error', error: errorText(said.error) };
        if (last.test(said.type)) facts = { ...facts, isWhole: true };
      }
      return { ...facts, usage: reported(usage) };
    },
  },
};

function messageFacts(message: Message): AnswerFacts {
  return {
    ...noFacts,
    model: message.model ?? null,
    responseId: message.id ?? null,
    stopReason: message.stop_reason ?? null,
    error: errorText(message.error),
  };
}

function known(usage: Usage | null | undefined): Usage {
  return Object.fromEntries(Object.entries(usage ?? {}).filter(([, value]) => value !== null && value !== undefined));
}

/** null where nothing was reported, as for what is no message. */
function reported(usage: Usage | null | undefined): ReportedUsage | null {
  if (typeof usage?.input_tokens !== 'number' && typeof usage?.output_tokens !== 'number') return null;
  const cachedTokens = usage.cache_read_input_tokens ?? 0;
  const cacheWriteTokens = usage.cache_creation_input_tokens ?? 0;
  return {
    inputTokens: (usage.input_tokens ?? 0) + cachedTokens + cacheWriteTokens,
    cachedTokens,
    cacheWriteTokens,
    outputTokens: usage.output_tokens ?? 0,
    reasoningTokens: usage.output_tokens_details?.thinking_tokens ?? 0,
    cacheWriteHourTokens: usage.cache_creation?.ephemeral_1h_input_tokens ?? 0,
  };
}

function errorText(error: z.infer<typeof errorSchema> | null | undefined): string | null {
  return [error?.type, error?.message].filter(Boolean).join(': ') || null;
}

/** https://docs.anthropic.com/en/api/errors */
function errorType(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 404) return 'not_found_error';
  if (status === 413) return 'request_too_large';
  return status >= 500 ? 'api_error' : 'invalid_request_error';
}
