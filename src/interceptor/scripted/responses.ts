import { z } from 'zod';
import { type JsonObject, tryParseJson } from '../../model/json.ts';
import { type Reply, type ScriptedDialect, words } from './reply.ts';
import { type OfferedTool, toolSchema } from './shell-tool.ts';

const itemSchema = z.looseObject({ type: z.string().nullish() });
const requestSchema = z.object({
  model: z.string(),
  stream: z.boolean().nullish(),
  input: z.union([z.string(), z.array(itemSchema)]),
  tools: z.array(z.unknown()).nullish(),
});
const toolListSchema = z.object({ tools: z.array(z.unknown()) });

const callTypes = new Set(['function_call', 'custom_tool_call', 'local_shell_call']);
const outputTypes = new Set(['function_call_output', 'custom_tool_call_output', 'local_shell_call_output']);

/** OpenAI's Responses API, with the events of https://platform.openai.com/docs/api-reference/responses-streaming */
export const scriptedResponses: ScriptedDialect = {
  read(body) {
    const request = tryParseJson(body, requestSchema);
    if (!request) return undefined;
    const items = typeof request.input === 'string' ? [] : request.input;
    const lastCall = items.findLastIndex(({ type }) => callTypes.has(type ?? ''));
    return {
      model: request.model,
      streamed: request.stream ?? false,
      // codex hands its tools over in an item of the input for some models.
      tools: [...flatten(request.tools ?? []), ...flatten(items.filter(({ type }) => type === 'additional_tools'))],
      outputs: items.filter(({ type }) => outputTypes.has(type ?? '')).length,
      newBytes: lastCall < 0 ? Infinity : Buffer.byteLength(JSON.stringify(items.slice(lastCall))),
    };
  },

  answer: (reply) => response(reply, 'completed', outputItems(reply)),

  *stream(reply) {
    let sequence = 0;
    const event = (type: string, fields: JsonObject): string => {
      const data = JSON.stringify({ type, sequence_number: sequence++, ...fields });
      return `event: ${type}\ndata: ${data}\n\n`;
    };
    yield event('response.created', { response: response(reply, 'in_progress', []) });
    yield event('response.in_progress', { response: response(reply, 'in_progress', []) });
    const output = outputItems(reply);
    for (const [index, item] of output.entries()) {
      yield event('response.output_item.added', { output_index: index, item: { ...item, ...unfinished(item) } });
      for (const [type, fields] of pieces(item, reply)) {
        yield event(type, { item_id: item['id'] ?? '', output_index: index, ...fields });
      }
      yield event('response.output_item.done', { output_index: index, item });
    }
    yield event('response.completed', { response: response(reply, 'completed', output) });
  },
};

function outputItems({ seed, turn: { text, call } }: Reply): JsonObject[] {
  const items: JsonObject[] = [];
  if (text !== '' || !call) {
    const content = [{ type: 'output_text', text, annotations: [], logprobs: [] }];
    items.push({ type: 'message', id: `msg_${seed}`, status: 'completed', role: 'assistant', content });
  }
  if (call?.kind === 'function') {
    const { name, input } = call;
    const ids = { id: `fc_${seed}`, call_id: `call_${seed}` };
    items.push({ type: 'function_call', ...ids, status: 'completed', name, arguments: input });
  }
  if (call?.kind === 'custom') {
    const { name, input } = call;
    const ids = { id: `ctc_${seed}`, call_id: `call_${seed}` };
    items.push({ type: 'custom_tool_call', ...ids, status: 'completed', name, input });
  }
  return items;
}

/** How an item looks when it is announced. */
function unfinished(item: JsonObject): JsonObject {
  if (item['type'] === 'message') return { status: 'in_progress', content: [] };
  return item['type'] === 'function_call'
    ? { status: 'in_progress', arguments: '' }
    : { status: 'in_progress', input: '' };
}

/** The events between an item's announcement and its end. */
function* pieces(item: JsonObject, { turn: { text, call } }: Reply): Generator<[string, JsonObject]> {
  if (item['type'] === 'message') {
    const part = { type: 'output_text', annotations: [], logprobs: [] };
    yield ['response.content_part.added', { content_index: 0, part: { ...part, text: '' } }];
    for (const delta of words(text)) {
      yield ['response.output_text.delta', { content_index: 0, delta, logprobs: [] }];
    }
    yield ['response.output_text.done', { content_index: 0, text, logprobs: [] }];
    yield ['response.content_part.done', { content_index: 0, part: { ...part, text } }];
    return;
  }
  const input = call?.input ?? '';
  const isFunction = item['type'] === 'function_call';
  const kind = isFunction ? 'function_call_arguments' : 'custom_tool_call_input';
  for (const delta of words(input)) yield [`response.${kind}.delta`, { delta }];
  yield [`response.${kind}.done`, isFunction ? { arguments: input } : { input }];
}

function response(reply: Reply, status: 'in_progress' | 'completed', output: JsonObject[]): JsonObject {
  return {
    id: `resp_${reply.seed}`,
    object: 'response',
    created_at: reply.createdAt,
    status,
    error: null,
    incomplete_details: null,
    model: reply.model,
    output,
    parallel_tool_calls: true,
    store: false,
    tool_choice: 'auto',
    tools: [],
    usage: status === 'completed' ? usage(reply) : null,
  };
}

function usage({ inputTokens, cachedTokens, outputTokens }: Reply): JsonObject {
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: cachedTokens },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: inputTokens + outputTokens,
  };
}

/** Tools out of lists in lists: codex groups some of its own in namespaces. */
function flatten(tools: readonly unknown[]): OfferedTool[] {
  return tools.flatMap((tool) => {
    const list = toolListSchema.safeParse(tool);
    if (list.success) return flatten(list.data.tools);
    const single = toolSchema.safeParse(tool);
    return single.success ? [single.data] : [];
  });
}
