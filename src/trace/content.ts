import { z } from 'zod';

/** Content as both of OpenAI's dialects write it: a text, or parts some of which are texts. */
export const contentSchema = z
  .union([z.string(), z.array(z.looseObject({ text: z.string().nullish(), refusal: z.string().nullish() }))])
  .nullish();
type Content = z.infer<typeof contentSchema>;

export function textOf(content: Content): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map((part) => part.text ?? part.refusal ?? '').join('');
}
