import { once } from 'node:events';
import { type Request, type Response, Router } from 'express';
import { z } from 'zod';
import { steerBatch, wakeBatch } from '../../activities/batch-steering.ts';
import { batchRequestSchema, batchSteps, concurrencyBodySchema, retryBodySchema } from '../../model/batch.ts';
import type { BatchChange } from '../../model/batch-stages.ts';
import { limits } from '../../model/limits.ts';
import type { RetrySelection } from '../../store/batch-retry.ts';
import type { BatchRow } from '../../store/batch-rows.ts';
import { organizationOf } from '../auth.ts';
import { startBatch } from '../batch-start.ts';
import type { ApiDeps } from '../deps.ts';
import { type Effect, effectOf, ignoredBody, keyedBodyOf } from '../idempotency.ts';
import { pageQuery, queryOf, untilClosed, wholeNumber } from '../input.ts';
import { ledgerEntries, presentBooks, streamLedger } from '../batch-ledger.ts';
import { presentBatch, presentBatchResult, presentBatchSummary } from '../present-batch.ts';
import { conflict, notFound, unavailable } from '../problems.ts';
import { findDeployment } from './deployments.ts';

export const batchListQuery = z.object(pageQuery);

const [leastPage, mostPage, usualPage] = limits.listPage;
export const batchResultsQuery = z.object({
  limit: wholeNumber(leastPage, mostPage).default(usualPage).describe('How many at most; of JSON pages only.'),
  after: wholeNumber(0, limits.batchRollouts).optional().describe('The cell behind which to go on.'),
  format: z.enum(['json', 'jsonl']).optional().describe('`jsonl`: all that follow, a line each.'),
});

export const batchLedgerQuery = z.object({
  limit: wholeNumber(0, mostPage).default(usualPage).describe('How many cells at most; 0: the books alone.'),
  after: wholeNumber(0, limits.batchRollouts).optional().describe('The cell behind which to go on.'),
  format: z.enum(['json', 'jsonl']).optional().describe('`jsonl`: the books and every entry, a line each.'),
});

export function batchRoutes(deps: ApiDeps): Router {
  const { store } = deps;
  const router = Router();

  router.post('/deployments/:key/batches', async (request, response) => {
    const deployment = await findDeployment(deps, organizationOf(response), request.params.key);
    const { body, effect } = await keyedBodyOf(deps, request, response, batchRequestSchema);
    const batch = await startBatch(deps, deployment, body, effect?.id);
    const answer = await presentBatch(store, batch);
    response.status(202).set({ location: answer.url }).json(answer);
  });

  router.get('/batches', async (request, response) => {
    const page = queryOf(request, batchListQuery);
    const rows = await store.batches.list(organizationOf(response), page);
    response.json({ batches: rows.map(presentBatchSummary), ...page });
  });

  router.get('/batches/:batch', async (request, response) => {
    response.json(await presentBatch(store, await find(response, request.params.batch)));
  });

  router.get('/batches/:batch/results', async (request, response) => {
    const { limit, after = -1, format } = queryOf(request, batchResultsQuery);
    const { id } = await find(response, request.params.batch);
    if (wantsLines(request, format)) {
      await streamResults(response, id, after);
      return;
    }
    const rows = await store.batches.results(id, after, limit);
    const next = rows.length < limit ? null : (rows.at(-1)?.batchCell ?? null);
    response.json({ results: rows.map(presentBatchResult), next });
  });

  router.get('/batches/:batch/ledger', async (request, response) => {
    const { limit, after = -1, format } = queryOf(request, batchLedgerQuery);
    const batch = await find(response, request.params.batch);
    if (wantsLines(request, format)) {
      await streamLedger(response, store, batch);
      return;
    }
    const from = Math.min(after + 1, batch.planned);
    const to = Math.min(from + limit, batch.planned);
    const parts = limit === 0 ? [] : await Array.fromAsync(ledgerEntries(store, batch, { from, to }));
    const books = await presentBooks(store, batch);
    response.json({ ...books, entries: parts.flat(), next: to > from && to < batch.planned ? to - 1 : null });
  });

  for (const kind of batchSteps) {
    router.post(`/batches/:batch/${kind}`, async (request, response) => {
      await effectOf(deps, request, response, ignoredBody);
      await steer(response, request.params.batch, { kind });
    });
  }

  router.post('/batches/:batch/concurrency', async (request, response) => {
    const { body } = await keyedBodyOf(deps, request, response, concurrencyBodySchema);
    const { concurrency } = body;
    await steer(response, request.params.batch, { kind: 'concurrency', concurrency });
  });

  router.post('/batches/:batch/retry', async (request, response) => {
    const { batch } = request.params;
    const { body: selection, effect } = await keyedBodyOf(deps, request, response, retryBodySchema);
    await retryOnce(response, batch, selection, effect);
  });

  /** A repeat under the same key, once the first was noted, starts nothing: what failed meanwhile is another retry's. */
  async function retryOnce(response: Response, id: string, selection: RetrySelection, effect: Effect | undefined) {
    const noted = `${id} retried`;
    if (effect?.id === noted) return void response.json(await presentBatch(store, await find(response, id)));
    await steer(response, id, { kind: 'retry', selection });
    await effect?.join(noted);
  }

  async function steer(response: Response, id: string, change: BatchChange): Promise<void> {
    const before = await find(response, id);
    if (before.closedAt !== null && change.kind !== 'retry') {
      throw conflict(`Batch ${id} is ${before.status}`, 'Only a retry can follow: it runs what has no reward.');
    }
    try {
      await steerBatch(deps, { batchId: id, change });
      await wakeBatch(deps.client, id);
    } catch (error) {
      deps.logger.error({ err: error, batch: id }, 'a batch could not be told');
      throw unavailable('The change is noted, and the batch hears of it once Temporal answers again');
    }
    response.json(await presentBatch(store, await find(response, id)));
  }

  const find = (response: Response, id: string) => findBatch(deps, response, id);

  /** Page by page, so that no size of a batch costs memory. */
  async function streamResults(response: Response, id: string, behind: number): Promise<void> {
    const gone = untilClosed(response);
    response.status(200).set('content-type', `${lines}; charset=utf-8`);
    let after = behind;
    for (;;) {
      const rows = await store.batches.results(id, after, mostPage);
      const text = rows.map((row) => `${JSON.stringify(presentBatchResult(row))}\n`).join('');
      if (!response.write(text)) await once(response, 'drain', { signal: gone }).catch(() => {});
      if (rows.length < mostPage || gone.aborted) break;
      after = rows.at(-1)?.batchCell ?? after;
    }
    response.end();
  }

  return router;
}

function wantsLines(request: Request, format: 'json' | 'jsonl' | undefined): boolean {
  return format === 'jsonl' || (format === undefined && request.accepts(['json', lines]) === lines);
}

/** A batch of the one who asks. */
export async function findBatch({ store }: ApiDeps, response: Response, id: string): Promise<BatchRow> {
  const batch = await store.batches.find(id);
  if (batch?.organization !== organizationOf(response)) throw notFound(`Batch ${id}`);
  return batch;
}

const lines = 'application/x-ndjson';
