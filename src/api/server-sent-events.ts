import { once } from 'node:events';
import type { Request, Response } from 'express';
import { invalid } from '../model/errors.ts';
import { untilEnding, wholeNumber } from './input.ts';

/** Milliseconds after which a silent stream gets a comment: clients and proxies give up on silence. */
const heartbeatMs = 10_000;

/** The place of an event, as clients name it. */
export const eventPlace = wholeNumber(0, 2 ** 31 - 1);

/** Where a browser that connects again says that it stopped. */
export function lastEventId(request: Request): number | undefined {
  const text = request.get('last-event-id');
  if (text === undefined || text === '') return undefined;
  const parsed = eventPlace.safeParse(text);
  if (!parsed.success) throw invalid('Last-Event-ID', 'must be the id of an event, a whole number');
  return parsed.data;
}

export interface EventStream {
  /** The reader has hung up, or the server is about to stop. */
  readonly gone: AbortSignal;
  /** Sends an event, no faster than the reader takes them. `id`: from where the reader would go on behind it. */
  readonly send: (event: { readonly type: string }, id?: number) => Promise<void>;
  /** Says that the stream is alive, if nothing was said for long. */
  readonly keepAlive: () => void;
}

/** Begins an answer of server-sent events: `event` is the type, `data` the whole event. `ending`: the server is about to stop. */
export function openEventStream(response: Response, ending?: AbortSignal): EventStream {
  const gone = untilEnding(response, ending);
  response.status(200).set({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    // For proxies that would rather have it whole.
    'x-accel-buffering': 'no',
  });
  response.flushHeaders();
  let spokenAt = Date.now();
  return {
    gone,
    async send(event, id) {
      const place = id === undefined ? '' : `id: ${id}\n`;
      spokenAt = Date.now();
      if (response.write(`${place}event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)) return;
      await once(response, 'drain', { signal: gone }).catch(() => {});
    },
    keepAlive() {
      if (Date.now() - spokenAt < heartbeatMs) return;
      response.write(': still here\n\n');
      spokenAt = Date.now();
    },
  };
}
