import { Router } from 'express';
import { z } from 'zod';
import type { BatchEventList } from '../../model/batch-event-responses.ts';
import { presentBatchEvent, streamBatchEvents } from '../batch-event-stream.ts';
import type { ApiDeps } from '../deps.ts';
import { eventPage } from '../event-stream.ts';
import { queryOf } from '../input.ts';
import { eventPlace, lastEventId } from '../server-sent-events.ts';
import { findBatch } from './batches.ts';

export const batchEventsQuery = z.object({
  after: eventPlace.optional().describe('Only what comes after the event of this `seq`.'),
});

/** What happens in a batch: a stream of server-sent events, or pages of JSON for who asks for JSON. */
export function batchEventRoutes(deps: ApiDeps): Router {
  const { store } = deps;
  const router = Router();

  router.get('/batches/:batch/events', async (request, response) => {
    const batch = await findBatch(deps, response, request.params.batch);
    const { after = 0 } = queryOf(request, batchEventsQuery);
    const last = lastEventId(request);
    const from = last ?? after;
    if (request.accepts(['text/event-stream', 'application/json']) === 'application/json') {
      const events = await store.batches.events(batch.id, from, eventPage);
      const complete = batch.closedAt !== null && events.length < eventPage;
      const next = events.at(-1)?.seq ?? from;
      const page: BatchEventList = { batch_id: batch.id, events: events.map(presentBatchEvent), next, complete };
      response.json(page);
      return;
    }
    // 204 tells a browser that connects again not to: it has everything.
    if (last !== undefined && batch.closedAt !== null && (await store.batches.events(batch.id, from, 1)).length === 0) {
      response.status(204).end();
      return;
    }
    await streamBatchEvents(response, store, batch, from, deps.ending);
  });

  return router;
}
