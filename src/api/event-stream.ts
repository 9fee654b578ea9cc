import { setTimeout as sleep } from 'node:timers/promises';
import type { Response } from 'express';
import type { EventResponse } from '../model/event-responses.ts';
import type { RolloutEvent } from '../model/event.ts';
import type { Store } from '../store/store.ts';
import { openEventStream } from './server-sent-events.ts';

/** Events that are read at once. */
export const eventPage = 500;
/** Milliseconds until events of another process, which nothing here hears of, are looked for. */
const lookMs = 1000;

export const presentEvent = ({ seq, attempt, at, content }: RolloutEvent): EventResponse => ({
  seq,
  attempt,
  at: at.toISOString(),
  ...content,
});

/**
 * Answers with a rollout's events behind `after`, as they come, until the rollout is closed and all are told. Server-sent
 * events: `id` is the place, `event` the type, `data` the whole event, so that a client that reads nothing but `data` misses
 * nothing.
 */
export async function streamEvents(
  response: Response,
  store: Store,
  rolloutId: string,
  after: number,
  ending?: AbortSignal,
): Promise<void> {
  const { gone, send, keepAlive } = openEventStream(response, ending);
  let place = after;
  while (!gone.aborted) {
    const heard = new AbortController();
    const news = store.events.appended(rolloutId, AbortSignal.any([gone, heard.signal]));
    // Asked before the events are read: what is over then has all of them.
    const isOver = (await store.rollouts.find(rolloutId))?.closedAt !== null;
    const events = await store.events.list(rolloutId, place, eventPage);
    for (const event of events) {
      await send(presentEvent(event), event.seq);
      if (gone.aborted) break;
      place = event.seq;
    }
    if (events.length === 0) {
      if (isOver) break;
      keepAlive();
      await Promise.race([news, sleep(lookMs, undefined, { signal: heard.signal }).catch(() => {})]);
    }
    heard.abort();
  }
  response.end();
}
