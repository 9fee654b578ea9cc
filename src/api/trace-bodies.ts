import { z } from 'zod';
import { readEvents } from '../interceptor/dialects/server-sent-events.ts';
import type { CallRecord } from '../model/call.ts';
import { type Json, type JsonObject, jsonObjectSchema, tryParseJson } from '../model/json.ts';

/** A body as JSON; null where it is none. */
export function requestJson(body: Buffer): Json | null {
  return tryParseJson(body.toString('utf8'), z.json()) ?? null;
}

/** What a call was answered, as JSON: a stream is given as the one answer that it amounts to. */
export function responseJson(
  { dialect, contentType }: Pick<CallRecord, 'dialect' | 'contentType'>,
  body: Buffer,
): Json | null {
  const text = body.toString('utf8');
  if (!contentType?.startsWith('text/event-stream')) return tryParseJson(text, z.json()) ?? null;
  const events = [...readEvents(text)]
    .map(({ data }) => tryParseJson(data, jsonObjectSchema))
    .filter((event) => event !== undefined);
  if (dialect === 'openai-responses') return wholeResponse(events);
  return dialect === 'openai-chat' ? wholeCompletion(events) : [...events];
}

const item = z.object({ type: z.literal('response.output_item.done'), item: z.json() });
const carrier = z.object({ response: jsonObjectSchema });

/** The newest state of the response, with the items that were finished: a stream that broke off lacks the last state. */
function wholeResponse(events: readonly JsonObject[]): JsonObject | null {
  const last = events.map((event) => carrier.safeParse(event).data?.response).findLast((state) => state !== undefined);
  const items = events.flatMap((event) => {
    const done = item.safeParse(event);
    return done.success ? [done.data.item] : [];
  });
  if (last === undefined) return items.length > 0 ? { output: items } : null;
  const { output } = last;
  return Array.isArray(output) && output.length > 0 ? last : { ...last, output: items };
}

const toolCallDelta = z.looseObject({
  index: z.int().default(0),
  id: z.string().nullish(),
  function: z.object({ name: z.string().nullish(), arguments: z.string().nullish() }).nullish(),
});
const chunkSchema = z.looseObject({
  choices: z
    .array(
      z.looseObject({
        index: z.int().default(0),
        delta: z
          .looseObject({
            role: z.string().nullish(),
            content: z.string().nullish(),
            tool_calls: z.array(toolCallDelta).nullish(),
          })
          .nullish(),
        finish_reason: z.string().nullish(),
      }),
    )
    .default([]),
  usage: z.json().nullish(),
});

interface Choice {
  content: string;
  finishReason: string | null;
  readonly toolCalls: Map<number, { id: string | null; name: string; arguments: string }>;
}

/** A completion as it would have come in one piece. */
function wholeCompletion(events: readonly JsonObject[]): JsonObject | null {
  const chunks = events.map((event) => chunkSchema.safeParse(event).data).filter((chunk) => chunk !== undefined);
  const [first] = events;
  if (first === undefined) return null;
  const choices = new Map<number, Choice>();
  for (const { index, delta, finish_reason } of chunks.flatMap((chunk) => chunk.choices)) {
    const choice = choices.get(index) ?? { content: '', finishReason: null, toolCalls: new Map() };
    choices.set(index, choice);
    choice.content += delta?.content ?? '';
    choice.finishReason = finish_reason ?? choice.finishReason;
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
  const { choices: _choices, ...head } = first;
  return { ...head, object: 'chat.completion', choices: [...choices].map(presentChoice), usage };
}

function presentChoice([index, { content, finishReason, toolCalls }]: [number, Choice]): JsonObject {
  const calls = [...toolCalls.values()].map((call) => ({
    id: call.id,
    type: 'function',
    function: { name: call.name, arguments: call.arguments },
  }));
  return {
    index,
    message: {
      role: 'assistant',
      content: content === '' ? null : content,
      ...(calls.length > 0 ? { tool_calls: calls } : {}),
    },
    finish_reason: finishReason,
  };
}
