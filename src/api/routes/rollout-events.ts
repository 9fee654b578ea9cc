import { Router } from 'express';
import { z } from 'zod';
import type { EventList } from '../../model/event-responses.ts';
import type { ApiDeps } from '../deps.ts';
import { eventPage, presentEvent, streamEvents } from '../event-stream.ts';
import { queryOf } from '../input.ts';
import { eventPlace, lastEventId } from '../server-sent-events.ts';
import { findRollout } from './rollouts.ts';

export const eventsQuery = z.object({
  after: eventPlace.optional().describe('Only what comes after the event of this `seq`.'),
  cursor: eventPlace.optional().describe('The same, under the name that the existing client gives it.'),
});

/** What happens in a rollout, as it happens: a stream of server-sent events, or pages of JSON for who asks for JSON. */
export function rolloutEventRoutes(deps: ApiDeps): Router {
  const { store } = deps;
  const router = Router();

  router.get('/rollouts/:id/events', async (request, response) => {
    const row = await findRollout(deps, response, request.params.id);
    const { after, cursor } = queryOf(request, eventsQuery);
    // A browser that reconnects says where it stopped; that is newer than what its address says.
    const from = lastEventId(request) ?? after ?? cursor ?? 0;
    if (request.accepts(['text/event-stream', 'application/json']) === 'application/json') {
      const events = await store.events.list(row.id, from, eventPage);
      const complete = row.closedAt !== null && events.length < eventPage;
      const next = events.at(-1)?.seq ?? from;
      const page: EventList = { rollout_id: row.id, events: events.map(presentEvent), next, complete };
      response.json(page);
      return;
    }
    // 204 tells a browser not to connect again: it has everything.
    if (row.closedAt !== null && (await store.events.list(row.id, from, 1)).length === 0) {
      response.status(204).end();
      return;
    }
    await streamEvents(response, store, row.id, from, deps.ending);
  });

  return router;
}
