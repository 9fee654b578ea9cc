import { z } from 'zod';
import { type JsonObject, jsonObjectSchema } from '../../model/json.ts';

const item = z.object({ type: z.literal('response.output_item.done'), item: z.json() });
const carrier = z.object({ response: jsonObjectSchema });

/** The newest state of the response, with the items that were finished: a stream that broke off lacks the last state. */
export function wholeResponse(events: readonly JsonObject[]): JsonObject | null {
  const last = events.map((event) => carrier.safeParse(event).data?.response).findLast((state) => state !== undefined);
  const items = events.flatMap((event) => {
    const done = item.safeParse(event);
    return done.success ? [done.data.item] : [];
  });
  if (last === undefined) return items.length > 0 ? { output: items } : null;
  const { output } = last;
  return Array.isArray(output) && output.length > 0 ? last : { ...last, output: items };
}
