import { readEvents } from '../interceptor/dialects/server-sent-events.ts';
import { type EventResponse, eventSchema } from '../model/event-responses.ts';
import { parseJson } from '../model/json.ts';
import type { Reconnect } from './reconnecting.ts';

/** Events out of a stream of server-sent ones. Comments, which only keep a connection alive, are passed over. */
export async function* parseEvents(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<EventResponse> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of bytes) {
    rest += decoder.decode(chunk, { stream: true });
    // A blank line ends an event; what stands behind the last one is still to come.
    const end = rest.lastIndexOf('\n\n') + 2;
    if (end < 2) continue;
    for (const { data } of readEvents(rest.slice(0, end))) yield parseJson(data, eventSchema, 'event');
    rest = rest.slice(end);
  }
}

/** A rollout's events from a place on, across outages: `open` is asked for what follows those that came already. */
export async function* resumingEvents(
  open: (after: number) => AsyncGenerator<EventResponse>,
  reconnect: Reconnect,
  after = 0,
): AsyncGenerator<EventResponse> {
  let place = after;
  let events: AsyncGenerator<EventResponse> | undefined;
  const next = async (): Promise<IteratorResult<EventResponse>> => {
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
