import { z } from 'zod';
import type { Json } from '../model/json.ts';
import { contentSchema, textOf } from './content.ts';
import { type Answered, type Given, type Told, type Turn, asSaid } from './turn.ts';

const block = z.looseObject({
  type: z.string().nullish(),
  text: z.string().nullish(),
  thinking: z.string().nullish(),
  id: z.string().nullish(),
  name: z.string().nullish(),
  input: z.json().optional(),
  tool_use_id: z.string().nullish(),
  content: z.union([contentSchema, z.unknown()]),
});
type Block = z.infer<typeof block>;

const blocks = z
  .union([z.string(), z.array(block)])
  .transform((content): Block[] => (typeof content === 'string' ? [{ type: 'text', text: content }] : content));

const requestSchema = z.object({
  system: blocks.nullish().catch(null),
  messages: z.array(z.object({ role: z.string(), content: blocks })),
});
const responseSchema = z.object({ content: z.array(block) });

/** Anthropic's Messages API: https://docs.anthropic.com/en/api/messages */
export function messagesTurn(request: Json, response: Json): Turn {
  const asked = requestSchema.safeParse(request);
  const said = responseSchema.safeParse(response);
  return {
    conversation: asked.success
      ? [...texts('system', asked.data.system ?? []), ...asked.data.messages.flatMap(toldBy)]
      : [],
    answered: said.success ? said.data.content.flatMap(answeredBy) : [],
  };
}

function toldBy({ role, content }: { readonly role: string; readonly content: readonly Block[] }): Told[] {
  if (role === 'assistant') return asSaid(content.flatMap(answeredBy));
  return content.flatMap((one) => (one.tool_use_id ? [resultOf(one.tool_use_id, one)] : texts(role, [one])));
}

/** Block by block: what agents tell their models beside the user's words comes in blocks of its own. */
function texts(role: string, content: readonly Block[]): Given[] {
  return content.flatMap((one): Given[] => {
    const text = textOf([one]);
    return text === '' ? [] : [{ kind: 'message', role, text }];
  });
}

function resultOf(callId: string, { content }: Block): Given {
  const known = contentSchema.safeParse(content);
  return { kind: 'result', callId, text: known.success ? textOf(known.data) : JSON.stringify(content) };
}

function answeredBy({ type, text, thinking, id, name, input }: Block): Answered[] {
  if (type === 'text') return text ? [{ kind: 'text', text }] : [];
  if (type === 'thinking') return thinking ? [{ kind: 'thought', text: thinking }] : [];
  // `server_tool_use` and its like are run by the provider.
  if (!type?.endsWith('tool_use')) return [];
  const asText = typeof input === 'string' ? input : JSON.stringify(input ?? {});
  return [{ kind: 'tool', callId: id ?? '', name: name ?? '', input: asText }];
}
