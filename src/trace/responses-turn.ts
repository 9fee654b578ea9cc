import { z } from 'zod';
import type { Json } from '../model/json.ts';
import { contentSchema, textOf } from './content.ts';
import { type Answered, type Told, type Turn, asSaid } from './turn.ts';

const item = z.looseObject({
  type: z.string().nullish(),
  role: z.string().nullish(),
  content: contentSchema.catch(null),
  call_id: z.string().nullish(),
  output: z.union([contentSchema, z.unknown()]),
  name: z.string().nullish(),
  arguments: z.string().nullish(),
  input: z.string().nullish(),
  action: z
    .object({ command: z.array(z.string()) })
    .nullish()
    .catch(null),
  summary: contentSchema.catch(null),
});
type Item = z.infer<typeof item>;

const requestSchema = z.object({ instructions: z.string().nullish(), input: z.union([z.string(), z.array(item)]) });
const responseSchema = z.object({ output: z.array(item) });

/** OpenAI's Responses API: https://platform.openai.com/docs/api-reference/responses */
export function responsesTurn(request: Json, response: Json): Turn {
  const asked = requestSchema.safeParse(request);
  const said = responseSchema.safeParse(response);
  return {
    conversation: asked.success ? [...instructions(asked.data.instructions), ...inputs(asked.data.input)] : [],
    answered: said.success ? said.data.output.flatMap(answeredBy) : [],
  };
}

function instructions(text: string | null | undefined): Told[] {
  return text ? [{ kind: 'message', role: 'system', text }] : [];
}

function inputs(input: string | readonly Item[]): Told[] {
  if (typeof input === 'string') return [{ kind: 'message', role: 'user', text: input }];
  return input.flatMap((one): Told[] => {
    if (one.type?.endsWith('_output') && one.call_id) {
      return [{ kind: 'result', callId: one.call_id, text: outputText(one.output) }];
    }
    const isMessage = (one.type ?? 'message') === 'message';
    if (isMessage && one.role === 'assistant') return asSaid([{ kind: 'text', text: textOf(one.content) }]);
    if (!isMessage) return asSaid(answeredBy(one));
    if (!one.role) return [];
    return [{ kind: 'message', role: one.role, text: textOf(one.content) }];
  });
}

function outputText(output: unknown): string {
  const content = contentSchema.safeParse(output);
  return content.success ? textOf(content.data) : JSON.stringify(output);
}

function answeredBy(one: Item): Answered[] {
  const tool = { kind: 'tool', callId: one.call_id ?? '', name: one.name ?? '' } as const;
  if (one.type === 'message') return [{ kind: 'text', text: textOf(one.content) }];
  if (one.type === 'function_call') return [{ ...tool, input: one.arguments ?? '' }];
  if (one.type === 'custom_tool_call') return [{ ...tool, input: one.input ?? '' }];
  if (one.type === 'local_shell_call') {
    return [{ ...tool, name: 'shell', input: JSON.stringify({ command: one.action?.command ?? [] }) }];
  }
  const thought = one.type === 'reasoning' ? textOf(one.summary) || textOf(one.content) : '';
  return thought === '' ? [] : [{ kind: 'thought', text: thought }];
}
