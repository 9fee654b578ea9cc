import { z } from 'zod';
import type { Json, JsonObject } from '../../model/json.ts';

const toolCallDelta = z.looseObject({
  index: z.int().default(0),
  id: z.string().nullish(),
  function: z.object({ name: z.string().nullish(), arguments: z.string().nullish() }).nullish(),
});
const text = z.string().nullish();
const chunkSchema = z.looseObject({
  choices: z
    .array(
      z.looseObject({
        index: z.int().default(0),
        delta: z
          .looseObject({
            content: text,
            refusal: text,
            reasoning_content: text,
            reasoning: text,
            tool_calls: z.array(toolCallDelta).nullish(),
          })
          .nullish(),
        finish_reason: text,
        logprobs: z
          .looseObject({ content: z.array(z.json()).nullish() })
          .nullish()
          .catch(null),
        token_ids: z.array(z.int()).nullish().catch(null),
      }),
    )
    .default([]),
  usage: z.json().nullish(),
  prompt_token_ids: z.array(z.int()).nullish().catch(null),
});

interface Choice {
  /** Texts by the names that they have in a message. */
  readonly texts: Map<string, string>;
  finishReason: string | null;
  readonly toolCalls: Map<number, { id: string | null; name: string; arguments: string }>;
  readonly logprobs: Json[];
  readonly tokenIds: number[];
}

/** A completion as it would have come in one piece, with the token ids and log-probabilities that came with the pieces. */
export function wholeCompletion(events: readonly JsonObject[]): JsonObject | null {
  const chunks = events.map((event) => chunkSchema.safeParse(event).data).filter((chunk) => chunk !== undefined);
  const [first] = events;
  if (first === undefined) return null;
  const choices = new Map<number, Choice>();
  for (const { index, delta, finish_reason, logprobs, token_ids } of chunks.flatMap((chunk) => chunk.choices)) {
    const choice = choices.get(index) ?? newChoice();
    choices.set(index, choice);
    for (const name of ['content', 'refusal', 'reasoning_content', 'reasoning'] as const) {
      const piece = delta?.[name];
      if (piece) choice.texts.set(name, (choice.texts.get(name) ?? '') + piece);
    }
    choice.finishReason = finish_reason ?? choice.finishReason;
    for (const one of logprobs?.content ?? []) choice.logprobs.push(one);
    for (const id of token_ids ?? []) choice.tokenIds.push(id);
    for (const call of delta?.tool_calls ?? []) {
      const known = choice.toolCalls.get(call.index) ?? { id: null, name: '', arguments: '' };
      choice.toolCalls.set(call.index, {
        id: call.id ?? known.id,
        name: known.name + (call.function?.name ?? ''),
        arguments: known.arguments + (call.function?.arguments ?? ''),
      });
    }
  }
  const usage = chunks.findLast((chunk) => chunk.usage)?.usage ?? null;
  const promptTokenIds = chunks.find((chunk) => chunk.prompt_token_ids)?.prompt_token_ids;
  const { choices: _choices, ...head } = first;
  return {
    ...head,
    object: 'chat.completion',
    choices: [...choices].map(presentChoice),
    usage,
    ...(promptTokenIds && { prompt_token_ids: promptTokenIds }),
  };
}

function newChoice(): Choice {
  return { texts: new Map(), finishReason: null, toolCalls: new Map(), logprobs: [], tokenIds: [] };
}

function presentChoice([index, { texts, finishReason, toolCalls, logprobs, tokenIds }]: [number, Choice]): JsonObject {
  const calls = [...toolCalls.values()].map((call) => ({
    id: call.id,
    type: 'function',
    function: { name: call.name, arguments: call.arguments },
  }));
  return {
    index,
    message: {
      role: 'assistant',
      content: null,
      ...Object.fromEntries(texts),
      ...(calls.length > 0 && { tool_calls: calls }),
    },
    finish_reason: finishReason,
    ...(logprobs.length > 0 && { logprobs: { content: logprobs } }),
    ...(tokenIds.length > 0 && { token_ids: tokenIds }),
  };
}
