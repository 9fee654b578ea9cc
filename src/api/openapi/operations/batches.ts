import { batchRequestSchema, batchSteps, concurrencyBodySchema, retryBodySchema } from '../../../model/batch.ts';
import { batchListSchema, batchResultSchema, batchResultsSchema, batchSchema } from '../../../model/batch-responses.ts';
import { batchEventListSchema, batchEventSchema } from '../../../model/batch-event-responses.ts';
import { batchLedgerSchema, ledgerLineSchema } from '../../../model/ledger-responses.ts';
import { batchEventsQuery } from '../../routes/batch-events.ts';
import { batchLedgerQuery, batchListQuery, batchResultsQuery } from '../../routes/batches.ts';
import { json, keyed, refusals } from '../answers.ts';
import type { Answers, Operation } from '../operation.ts';

const root = '/api/harbor/batches';
const byId = { batch: '$response.body#/id' };
const links = {
  getBatch: byId,
  listBatchResults: byId,
  getBatchEvents: byId,
  getBatchLedger: byId,
  cancelBatch: byId,
};

const steered: Answers = {
  200: json(batchSchema, 'The batch as it is now; its workflow acts on the change at once.', links),
  ...refusals(...keyed, 404, 409, 503),
};

const steps: Readonly<Record<(typeof batchSteps)[number], { readonly summary: string; readonly description: string }>> =
  {
    pause: {
      summary: 'Start no further rollout of a batch for now',
      description: 'What runs goes on. A batch that is paused already stays so.',
    },
    resume: { summary: 'Go on with a paused batch', description: 'One that is not paused stays as it is.' },
    cancel: {
      summary: 'End a batch and all of its rollouts that run',
      description: 'What its rollouts have done so far is kept. Those that were not started never will be.',
    },
  };

export const batchOperations: readonly Operation[] = [
  {
    id: 'startBatch',
    method: 'post',
    path: '/api/harbor/deployments/:key/batches',
    tag: 'batches',
    summary: 'Start a batch of rollouts of a deployment',
    description:
      'Seeds × samples × policies. Answers at once; the rollouts are made as there is room for them. Rollout ids are `<batch>-<cell>`, and `<batch>-<cell>-g2`, … for retries.',
    body: {
      schema: batchRequestSchema,
      required: false,
      examples: {
        'each task four times': { samples: 4, concurrency: 16, policy: { config: { model: 'gpt-5-mini' } } },
        'two models, with a budget': {
          seeds: { from: 1, to: 100 },
          policies: [{ config: { model: 'gpt-5-mini' } }, { config: { model: 'gpt-5-nano' } }],
          budget: { usd: 20 },
          stop: { failure_share: 0.2 },
        },
      },
    },
    answers: {
      202: {
        ...json(batchSchema, 'It is stored and will run.', links),
        headers: { Location: 'Where the batch is.' },
      },
      ...refusals(...keyed, 404, 409, 413, 415, 503),
    },
  },
  {
    id: 'listBatches',
    method: 'get',
    path: root,
    tag: 'batches',
    summary: 'List batches, newest first',
    query: batchListQuery,
    answers: { 200: json(batchListSchema, 'A page of them.'), ...refusals(...keyed) },
  },
  {
    id: 'getBatch',
    method: 'get',
    path: `${root}/:batch`,
    tag: 'batches',
    summary: 'What has become of a batch so far',
    description: 'Figures go by the newest rollout of each cell: a retry takes the place of what it makes up for.',
    answers: { 200: json(batchSchema, 'The batch.', links), ...refusals(...keyed, 404) },
  },
  {
    id: 'listBatchResults',
    method: 'get',
    path: `${root}/:batch/results`,
    tag: 'batches',
    summary: 'The newest rollout of each cell of a batch',
    description: 'As pages, or with `format=jsonl` or `Accept: application/x-ndjson` all of them, a line each.',
    query: batchResultsQuery,
    answers: {
      200: {
        description: 'Those that were started, by cell.',
        content: { 'application/json': batchResultsSchema, 'application/x-ndjson': batchResultSchema },
      },
      ...refusals(...keyed, 404),
    },
  },
  {
    id: 'getBatchEvents',
    method: 'get',
    path: `${root}/:batch/events`,
    tag: 'batches',
    summary: 'Watch a batch',
    description:
      'As server-sent events until it has ended: `rollout` when one of its rollouts changes its status, `batch` when it changes itself, `progress` with its figures when they changed, `end` with the last ones. `id` is the place of the first two kinds, `data` the whole event. Who asks for `application/json` gets one page of at most 500 of those instead, and goes on with `after` = `next` until `complete`.',
    query: batchEventsQuery,
    headers: [
      {
        name: 'Last-Event-ID',
        description: 'As browsers send it when they connect again; goes before `after`.',
        example: '12',
      },
    ],
    answers: {
      200: {
        description: 'The events.',
        content: { 'text/event-stream': batchEventSchema, 'application/json': batchEventListSchema },
      },
      204: { description: 'The batch has ended, and all up to `Last-Event-ID` was told: do not connect again.' },
      ...refusals(...keyed, 404),
    },
  },
  {
    id: 'getBatchLedger',
    method: 'get',
    path: `${root}/:batch/ledger`,
    tag: 'batches',
    summary: 'The books of a batch, held against each other',
    description:
      'Every planned rollout, every attempt with why it began, why it ended and what it cost, every call; and what does not add up. As pages by cell, or with `format=jsonl` or `Accept: application/x-ndjson` all of it, a line each.',
    query: batchLedgerQuery,
    answers: {
      200: {
        description: 'What was planned, and what became of it.',
        content: { 'application/json': batchLedgerSchema, 'application/x-ndjson': ledgerLineSchema },
      },
      ...refusals(...keyed, 404),
    },
  },
  ...batchSteps.map((kind): Operation => ({
    id: `${kind}Batch`,
    method: 'post',
    path: `${root}/:batch/${kind}`,
    tag: 'batches',
    ...steps[kind],
    answers: steered,
  })),
  {
    id: 'setBatchConcurrency',
    method: 'post',
    path: `${root}/:batch/concurrency`,
    tag: 'batches',
    summary: 'Change how many rollouts of a batch are open at once',
    description: 'Fewer than are open end none of them: the next start when enough have ended.',
    body: { schema: concurrencyBodySchema, required: true, examples: { more: { concurrency: 32 } } },
    answers: { ...steered, ...refusals(413, 415) },
  },
  {
    id: 'retryBatch',
    method: 'post',
    path: `${root}/:batch/retry`,
    tag: 'batches',
    summary: 'Run the cells of a batch again that have no reward',
    description:
      'As new rollouts; the old ones stay. Cells that were never started count as having none. A batch that has ended goes on.',
    body: {
      schema: retryBodySchema,
      required: false,
      examples: { 'all of them': {}, 'lost to faults of ours': { classes: ['internal', 'sandbox_lost'] } },
    },
    answers: { ...steered, ...refusals(413, 415) },
  },
];
