import { z } from 'zod';

/** Content as all dialects write it: a text, or parts some of which are texts. */
export const contentSchema = z
  .union([
    z.string(),
    z.array(z.looseObject({ type: z.string().nullish(), text: z.string().nullish(), refusal: z.string().nullish() })),
  ])
  .nullish();
type Content = z.infer<typeof contentSchema>;

/** Pictures and the like stand as `[image]`, so that one sees that something was there. */
export function textOf(content: Content): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map((part) => part.text ?? part.refusal ?? placeholder(part.type)).join('');
}

function placeholder(type: string | null | undefined): string {
  const [kind] = /image|audio|video|document|file/.exec(type ?? '') ?? [];
  return kind === undefined ? '' : `[${kind}]`;
}
