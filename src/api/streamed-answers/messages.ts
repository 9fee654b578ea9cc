import { z } from 'zod';
import { type Json, type JsonObject, jsonObjectSchema, tryParseJson } from '../../model/json.ts';

const index = z.int();
const eventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('message_start'), message: jsonObjectSchema }),
  z.object({ type: z.literal('content_block_start'), index, content_block: jsonObjectSchema }),
  z.object({ type: z.literal('content_block_delta'), index, delta: jsonObjectSchema }),
  z.looseObject({
    type: z.literal('message_delta'),
    delta: jsonObjectSchema.optional(),
    usage: jsonObjectSchema.optional(),
  }),
  z.object({ type: z.literal('error'), error: jsonObjectSchema }),
]);

interface Block {
  readonly start: JsonObject;
  /** Of the texts that are sent in pieces. */
  readonly texts: Map<string, string>;
  /** A tool's input, as JSON in pieces. */
  input: string;
}

/** Which text of a block a kind of piece goes on with. */
const textsByPiece: Readonly<Record<string, string>> = {
  text_delta: 'text',
  thinking_delta: 'thinking',
  signature_delta: 'signature',
};

/** A message as it would have come in one piece; with the error, where it ended in one. */
export function wholeMessage(events: readonly JsonObject[]): JsonObject | null {
  let message: JsonObject = {};
  const blocks = new Map<number, Block>();
  for (const event of events) {
    const { data: said } = eventSchema.safeParse(event);
    if (said?.type === 'message_start') message = { ...said.message };
    else if (said?.type === 'content_block_start') {
      blocks.set(said.index, { start: said.content_block, texts: new Map(), input: '' });
    } else if (said?.type === 'content_block_delta') extend(blocks.get(said.index), said.delta);
    else if (said?.type === 'message_delta') {
      const usage = jsonObjectSchema.safeParse(message['usage']).data;
      message = { ...message, ...said.delta, ...(said.usage && { usage: { ...usage, ...said.usage } }) };
    } else if (said?.type === 'error') message = { ...message, error: said.error };
  }
  if (Object.keys(message).length === 0) return null;
  const content = [...blocks].sort(([a], [b]) => a - b).map(([, block]) => present(block));
  return { ...message, content };
}

function extend(block: Block | undefined, delta: JsonObject): void {
  if (!block) return;
  const { type, partial_json: json } = delta;
  const name = typeof type === 'string' ? textsByPiece[type] : undefined;
  const piece = name === undefined ? undefined : delta[name];
  if (name !== undefined && typeof piece === 'string') block.texts.set(name, (block.texts.get(name) ?? '') + piece);
  if (type === 'input_json_delta' && typeof json === 'string') block.input += json;
}

/** An input that was cut off is given as the text that came of it. */
function present({ start, texts, input }: Block): JsonObject {
  const whole: [string, Json][] = [...texts].map(([name, text]) => [name, textOf(start[name]) + text]);
  if (input === '') return { ...start, ...Object.fromEntries(whole) };
  return { ...start, ...Object.fromEntries(whole), input: tryParseJson(input, jsonObjectSchema) ?? input };
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
