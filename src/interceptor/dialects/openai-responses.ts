import { z } from 'zod';
import type { CallUsage } from '../../model/call.ts';
import { tryParseJson } from '../../model/json.ts';
import { type AnswerFacts, type DialectSpec, noFacts } from './dialect.ts';
import { openaiErrorBody, openaiErrorSchema, openaiErrorText, readOpenaiRequest } from './openai-common.ts';
import { readEvents } from './server-sent-events.ts';

const usageSchema = z.object({
  input_tokens: z.number(),
  input_tokens_details: z
    .object({ cached_tokens: z.number().nullish(), cache_write_tokens: z.number().nullish() })
    .nullish(),
  output_tokens: z.number(),
  output_tokens_details: z.object({ reasoning_tokens: z.number().nullish() }).nullish(),
});

const responseSchema = z.object({
  id: z.string().nullish().catch(null),
  model: z.string().nullish().catch(null),
  status: z.string().nullish().catch(null),
  incomplete_details: z.object({ reason: z.string() }).nullish().catch(null),
  usage: usageSchema.nullish().catch(null),
  error: openaiErrorSchema.nullish().catch(null),
});
type Response = z.infer<typeof responseSchema>;

const eventSchema = z.object({
  type: z.string(),
  response: responseSchema.nullish().catch(null),
  message: z.string().nullish().catch(null),
  code: z.string().nullish().catch(null),
});

/** Events that carry the response itself; the many others carry pieces of it. */
const telling = /^(response\.(created|completed|incomplete|failed)|error)$/;
const last = /^(response\.(completed|incomplete|failed)|error)$/;

/** OpenAI's Responses API. https://platform.openai.com/docs/api-reference/responses */
export const openaiResponses: DialectSpec = {
  name: 'openai-responses',
  provider: 'openai',
  routes: [{ ending: '/responses', upstreamPath: '/responses' }],
  errorBody: openaiErrorBody,
  streamEnd: /"type": ?"(response\.(completed|incomplete|failed)|error)"/,
  reader: {
    request: readOpenaiRequest,
    answer(body) {
      const response = tryParseJson(body, responseSchema);
      return response ? { ...responseFacts(response), isWhole: true } : noFacts;
    },
    stream(body) {
      let facts = noFacts;
      for (const { event, data } of readEvents(body)) {
        if (event !== '' && !telling.test(event)) continue;
        const said = tryParseJson(data, eventSchema);
        if (!said || !telling.test(said.type)) continue;
        if (said.response) facts = responseFacts(said.response);
        if (said.type === 'error') facts = { ...facts, stopReason: 'error', error: openaiErrorText(said) };
        if (last.test(said.type)) facts = { ...facts, isWhole: true };
      }
      return facts;
    },
  },
};

function responseFacts(response: Response): AnswerFacts {
  const underWay = response.status === 'in_progress' || response.status === 'queued';
  return {
    model: response.model ?? null,
    responseId: response.id ?? null,
    stopReason: response.incomplete_details?.reason ?? (underWay ? null : (response.status ?? null)),
    usage: response.usage ? callUsage(response.usage) : null,
    error: openaiErrorText(response.error),
    isWhole: false,
  };
}

function callUsage(usage: z.infer<typeof usageSchema>): CallUsage {
  return {
    inputTokens: usage.input_tokens,
    cachedTokens: usage.input_tokens_details?.cached_tokens ?? 0,
    cacheWriteTokens: usage.input_tokens_details?.cache_write_tokens ?? 0,
    outputTokens: usage.output_tokens,
    reasoningTokens: usage.output_tokens_details?.reasoning_tokens ?? 0,
  };
}
