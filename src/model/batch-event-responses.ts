/** What the API tells of a batch's events. */
import { z } from 'zod';
import { batchStatuses } from './batch.ts';
import { batchSchema } from './batch-responses.ts';
import { timestamp } from './responses.ts';
import { rolloutStatuses } from './rollout.ts';

const place = {
  seq: z.int().describe('1, 2, 3 … within the batch: from where a reader goes on behind it.'),
  at: timestamp,
};

const rolloutChanged = z.object({
  type: z.literal('rollout'),
  ...place,
  rollout_id: z.string(),
  cell: z.int(),
  seed: z.int().nullable(),
  sample: z.int(),
  policy: z.int().describe('Index of its policy.'),
  generation: z.int().describe('1, or more for a retry.'),
  attempt: z.int().describe('0: before the first.'),
  status: z.enum(rolloutStatuses),
  reward: z.number().nullable().describe('Once it has ended; null where it earned none.'),
  failure_class: z.string().nullable(),
});

const batchChanged = z.object({
  type: z.literal('batch'),
  ...place,
  status: z.enum(batchStatuses),
  stop_reason: z.string().nullable(),
  concurrency: z.int(),
  total: z.int().describe('Rollouts that are to be started in all, retries included.'),
});

/** All that changes of a batch while it runs. */
const figuresSchema = batchSchema.omit({ metadata: true });

const progress = z.object({
  type: z.literal('progress'),
  ...place,
  batch: figuresSchema.describe(
    'As they are now. Not kept: `seq` is the place of the last event that was told before.',
  ),
});
const end = z.object({
  type: z.literal('end'),
  ...place,
  batch: figuresSchema.describe('The batch has ended, and all was told.'),
});

const kept = z.discriminatedUnion('type', [rolloutChanged, batchChanged]);
export type BatchEventResponse = z.infer<typeof kept>;

/** One event: what changed, or what the batch has come to. */
export const batchEventSchema = z.discriminatedUnion('type', [rolloutChanged, batchChanged, progress, end]);
export type BatchStreamEvent = z.infer<typeof batchEventSchema>;
export type BatchFigures = z.infer<typeof figuresSchema>;

/** `GET …/events` as JSON: one page. */
export const batchEventListSchema = z.object({
  batch_id: z.string(),
  events: z.array(kept),
  next: z.int().describe('Give it as `after` to get what comes next.'),
  complete: z.boolean().describe('No more will come, unless a retry opens the batch again.'),
});
export type BatchEventList = z.infer<typeof batchEventListSchema>;
