import { isDeepStrictEqual } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Response } from 'express';
import type { BatchEventResponse, BatchFigures } from '../model/batch-event-responses.ts';
import type { BatchEvent } from '../store/batch-events.ts';
import type { BatchRow } from '../store/batch-rows.ts';
import type { Store } from '../store/store.ts';
import { eventPage } from './event-stream.ts';
import { presentBatch } from './present-batch.ts';
import { openEventStream } from './server-sent-events.ts';

/** Milliseconds between looks: however much happens meanwhile is one page, not a query each. */
const lookMs = 1000;
/** Milliseconds between figures, at least; and how many times longer than what it took to make them. */
const figuresMs = 2000;
const figuresRest = 20;

export function presentBatchEvent(event: BatchEvent): BatchEventResponse {
  const place = { seq: event.seq, at: event.at.toISOString() };
  if (event.rolloutId === null) {
    const { status, stopReason, concurrency, total } = event;
    return { type: 'batch', ...place, status, stop_reason: stopReason, concurrency, total };
  }
  const { rolloutId, cell, seed, sample, policy, generation, attempt, status, reward, failureClass } = event;
  const which = { rollout_id: rolloutId, cell, seed, sample, policy, generation };
  return { type: 'rollout', ...place, ...which, attempt, status, reward, failure_class: failureClass };
}

/**
 * Answers with a batch's events behind `after`, as they come, and with its figures whenever they changed; with an `end` once it
 * is closed and all is told. Whatever the batch's size, a page of events is all that is held.
 */
export async function streamBatchEvents(
  response: Response,
  { batches, ...store }: Store,
  { id, plan }: BatchRow,
  after: number,
  ending?: AbortSignal,
): Promise<void> {
  const { gone, send, keepAlive } = openEventStream(response, ending);
  let place = after;
  let told: BatchFigures | undefined;
  let figuresDueAt = 0;

  while (!gone.aborted) {
    // Asked before the events are read: what is over then has all of them.
    const state = await batches.state(id);
    if (!state) break;
    const events = await batches.events(id, place, eventPage);
    const hasAll = events.length === 0 && state.closedAt !== null;
    if (hasAll || performance.now() >= figuresDueAt) {
      const begunAt = performance.now();
      const { metadata: _, ...batch } = await presentBatch({ ...store, batches }, { ...state, plan });
      figuresDueAt = begunAt + Math.max(figuresMs, (performance.now() - begunAt) * (1 + figuresRest));
      const figures = { seq: place, at: new Date().toISOString(), batch };
      if (hasAll) await send({ type: 'end', ...figures });
      else if (!sameFigures(told, batch)) await send({ type: 'progress', ...figures });
      told = batch;
    }
    if (hasAll) break;
    for (const event of events) {
      await send(presentBatchEvent(event), event.seq);
      if (gone.aborted) break;
      place = event.seq;
    }
    if (events.length === eventPage) continue;
    keepAlive();
    await sleep(lookMs, undefined, { signal: gone }).catch(() => {});
  }
  response.end();
}

/** The time left changes with every second; that alone is no news. */
function sameFigures(before: BatchFigures | undefined, now: BatchFigures): boolean {
  return isDeepStrictEqual({ ...before, eta_s: null }, { ...now, eta_s: null });
}
