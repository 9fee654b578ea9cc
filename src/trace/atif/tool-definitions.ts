import { z } from 'zod';
import { type Json, type JsonObject, jsonObjectSchema } from '../../model/json.ts';

const requestSchema = z.object({
  tools: z.array(z.unknown()).nullish().catch(null),
  input: z
    .union([z.string(), z.array(z.unknown())])
    .nullish()
    .catch(null),
});
const description = z.string().nullish().catch(null);
const schema = jsonObjectSchema.nullish().catch(null);

/** codex hands its tools over in an item of the input for some models. */
const additionalSchema = z.object({ type: z.literal('additional_tools') });
const listSchema = z.object({ tools: z.array(z.unknown()) });
const chatSchema = z.object({
  function: z.object({ name: z.string(), description, parameters: schema }),
});
const flatSchema = z.object({
  type: z.string().nullish().catch(null),
  name: z.string().nullish().catch(null),
  description,
  parameters: schema,
  input_schema: schema,
});

/** A tool that takes any text: its calls are written as `{"input": …}`. */
const takesText: JsonObject = { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] };

/** The tools that a request offers, of whichever dialect, as definitions of functions in the form of OpenAI. */
export function toolDefinitions(request: Json | null): readonly JsonObject[] {
  const { data } = requestSchema.safeParse(request);
  const items = Array.isArray(data?.input) ? data.input : [];
  const additional = items.filter((item) => additionalSchema.safeParse(item).success);
  return [...(data?.tools ?? []), ...additional].flatMap(definitionsOf);
}

export function nameOf(definition: JsonObject): string {
  return chatSchema.safeParse(definition).data?.function.name ?? '';
}

/** Tools out of lists in lists: codex groups some of its own in namespaces. */
function definitionsOf(tool: unknown): JsonObject[] {
  const list = listSchema.safeParse(tool);
  if (list.success) return list.data.tools.flatMap(definitionsOf);
  const chat = chatSchema.safeParse(tool);
  if (chat.success)
    return [define(chat.data.function.name, chat.data.function.description, chat.data.function.parameters)];
  const { data: flat } = flatSchema.safeParse(tool);
  // Tools that the provider runs itself have a type and no name.
  const name = flat?.name ?? flat?.type;
  if (!flat || !name) return [];
  return [
    define(name, flat.description, flat.parameters ?? flat.input_schema ?? (flat.type === 'custom' ? takesText : null)),
  ];
}

function define(name: string, about: string | null | undefined, parameters: JsonObject | null | undefined): JsonObject {
  return {
    type: 'function',
    function: { name, ...(about && { description: about }), ...(parameters && { parameters }) },
  };
}
