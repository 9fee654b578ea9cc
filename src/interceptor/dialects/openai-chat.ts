import { z } from 'zod';
import type { CallUsage } from '../../model/call.ts';
import { tryParseJson } from '../../model/json.ts';
import { type AnswerFacts, type DialectSpec, noFacts } from './dialect.ts';
import { openaiErrorBody, openaiErrorSchema, openaiErrorText, readOpenaiRequest } from './openai-common.ts';
import { readEvents } from './server-sent-events.ts';

const usageSchema = z.object({
  prompt_tokens: z.number(),
  prompt_tokens_details: z
    .object({ cached_tokens: z.number().nullish(), cache_write_tokens: z.number().nullish() })
    .nullish(),
  completion_tokens: z.number(),
  completion_tokens_details: z.object({ reasoning_tokens: z.number().nullish() }).nullish(),
});

/** A whole completion, or a chunk of a streamed one. */
const completionSchema = z.object({
  id: z.string().nullish().catch(null),
  model: z.string().nullish().catch(null),
  choices: z
    .array(z.object({ finish_reason: z.string().nullish() }))
    .nullish()
    .catch(null),
  usage: usageSchema.nullish().catch(null),
  error: openaiErrorSchema.nullish().catch(null),
});
type Completion = z.infer<typeof completionSchema>;

/** OpenAI's Chat Completions API, and that of many others. https://platform.openai.com/docs/api-reference/chat */
export const openaiChat: DialectSpec = {
  name: 'openai-chat',
  provider: 'openai',
  routes: [{ ending: '/chat/completions', upstreamPath: '/chat/completions' }],
  errorBody: openaiErrorBody,
  // Not all who imitate OpenAI send the former.
  streamEnd: /data: ?\[DONE\]|"finish_reason": ?"/,
  reader: {
    request: readOpenaiRequest,
    answer(body) {
      const completion = tryParseJson(body, completionSchema);
      return completion ? { ...completionFacts(completion, noFacts), isWhole: true } : noFacts;
    },
    stream(body) {
      let facts = noFacts;
      for (const { data } of readEvents(body)) {
        const chunk = data === '[DONE]' ? undefined : tryParseJson(data, completionSchema);
        if (chunk) facts = completionFacts(chunk, facts);
        if (data === '[DONE]') facts = { ...facts, isWhole: true };
      }
      return facts;
    },
  },
};

/** Usage stands in whichever chunk a provider likes, mostly the last, whose `choices` may be empty or not. */
function completionFacts(said: Completion, before: AnswerFacts): AnswerFacts {
  const stopReason = said.choices?.find((choice) => choice.finish_reason)?.finish_reason;
  return {
    model: said.model || before.model,
    responseId: said.id || before.responseId,
    stopReason: stopReason ?? before.stopReason,
    usage: said.usage ? callUsage(said.usage) : before.usage,
    error: openaiErrorText(said.error) ?? before.error,
    isWhole: before.isWhole,
  };
}

function callUsage(usage: z.infer<typeof usageSchema>): CallUsage {
  return {
    inputTokens: usage.prompt_tokens,
    cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
    cacheWriteTokens: usage.prompt_tokens_details?.cache_write_tokens ?? 0,
    outputTokens: usage.completion_tokens,
    reasoningTokens: usage.completion_tokens_details?.reasoning_tokens ?? 0,
  };
}
