import type { z } from 'zod';
import { readEvents } from '../interceptor/dialects/server-sent-events.ts';
import { parseJson } from '../model/json.ts';
import type { Reconnect } from './reconnecting.ts';

/** Events out of a stream of server-sent ones. Comments, which only keep a connection alive, are passed over. */
export async function* parseEvents<T>(bytes: AsyncIterable<Uint8Array>, schema: z.ZodType<T>): AsyncGenerator<T> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of bytes) {
    rest += decoder.decode(chunk, { stream: true });
    // A blank line ends an event; what stands behind the last one is still to come.
    const end = rest.lastIndexOf('\n\n') + 2;
    if (end < 2) continue;
    for (const { data } of readEvents(rest.slice(0, end))) yield parseJson(data, schema, 'event');
    rest = rest.slice(end);
  }
}

/** Events of a rollout or a batch from a place on, across outages: `open` is asked for what follows those that came already. */
export async function* resumingEvents<T extends { readonly seq: number }>(
  open: (after: number) => AsyncGenerator<T>,
  reconnect: Reconnect,
  after = 0,
): AsyncGenerator<T> {
  let place = after;
  let events: AsyncGenerator<T> | undefined;
  const next = async (): Promise<IteratorResult<T>> => {
    events ??= open(place);
    try {
      return await events.next();
    } catch (error) {
      events = undefined;
      throw error;
    }
  };
  try {
    for (;;) {
      const { done, value } = await reconnect(next);
      if (done) return;
      place = value.seq;
      yield value;
    }
  } finally {
    await events?.return(undefined);
  }
}
