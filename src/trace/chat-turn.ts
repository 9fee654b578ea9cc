import { z } from 'zod';
import type { Json } from '../model/json.ts';
import { contentSchema, textOf } from './content.ts';
import { type Answered, type Told, type Turn, asSaid } from './turn.ts';

const toolCall = z.object({
  id: z.string().nullish(),
  function: z.object({ name: z.string(), arguments: z.string().default('') }),
});
const message = z.looseObject({
  role: z.string().nullish(),
  content: contentSchema.catch(null),
  tool_call_id: z.string().nullish(),
  reasoning_content: z.string().nullish().catch(null),
  /** The same, as some servers call it. */
  reasoning: z.string().nullish().catch(null),
  refusal: z.string().nullish().catch(null),
  tool_calls: z.array(toolCall).nullish().catch(null),
});

const requestSchema = z.object({ messages: z.array(message) });
const responseSchema = z.object({ choices: z.array(z.object({ message })) });

/** OpenAI's Chat Completions API: https://platform.openai.com/docs/api-reference/chat */
export function chatTurn(request: Json, response: Json): Turn {
  const asked = requestSchema.safeParse(request);
  const said = responseSchema.safeParse(response);
  return {
    conversation: asked.success ? asked.data.messages.flatMap(toldBy) : [],
    answered: said.success ? said.data.choices.slice(0, 1).flatMap((choice) => answeredBy(choice.message)) : [],
  };
}

function toldBy(one: z.infer<typeof message>): Told[] {
  const { role, content, tool_call_id: callId } = one;
  if (role === 'tool') return [{ kind: 'result', callId: callId ?? '', text: textOf(content) }];
  if (role === 'assistant') return asSaid(answeredBy(one));
  return role ? [{ kind: 'message', role, text: textOf(content) }] : [];
}

function answeredBy({ content, reasoning_content, reasoning, refusal, tool_calls: tools }: z.infer<typeof message>) {
  const text = textOf(content) || refusal || '';
  const thought = reasoning_content || reasoning;
  return [
    ...(thought ? [{ kind: 'thought', text: thought } satisfies Answered] : []),
    ...(text === '' ? [] : [{ kind: 'text', text } satisfies Answered]),
    ...(tools ?? []).map(({ id, function: { name, arguments: input } }): Answered => ({
      kind: 'tool',
      callId: id ?? '',
      name,
      input,
    })),
  ];
}
