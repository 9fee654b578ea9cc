/** What the API tells of a batch's books. */
import { z } from 'zod';
import { batchCountsSchema, byClass } from './batch-responses.ts';
import { callStatuses } from './call.ts';
import { timestamp } from './responses.ts';
import { rolloutStatuses } from './rollout.ts';

const place = {
  cell: z.int(),
  seed: z.int().nullable(),
  sample: z.int(),
  policy: z.int().describe('Index of its policy.'),
};

const spent = {
  llm_calls: z.int(),
  tokens: z.int().describe('Input and output.'),
  cost_usd: z.number().describe('Of the calls whose price is known.'),
  unpriced_calls: z.int(),
};

const attemptSchema = z.object({
  attempt: z.int(),
  began_because: z.string().describe('`first`, or the failure class that ended the attempt before.'),
  ended_because: z
    .string()
    .nullable()
    .describe('`done`, or the failure class; null: its sandbox is not torn down yet.'),
  message: z.string().nullable(),
  is_lost: z.boolean().describe('It ended through a fault of Harbor or of a provider.'),
  started_at: timestamp,
  ended_at: timestamp.nullable(),
  ...spent,
});

const rolloutEntry = z.object({
  type: z.literal('rollout'),
  ...place,
  rollout_id: z.string(),
  generation: z.int().describe('1, or more for a retry.'),
  retry_of: z.string().nullable(),
  is_newest: z.boolean().describe('Of its cell: the one that the figures go by.'),
  outcome: z.enum(['scored', 'failed', 'cancelled', 'open']),
  status: z.enum(rolloutStatuses),
  reward: z.number().nullable(),
  failure_class: z.string().nullable(),
  attempts: z.array(attemptSchema),
});

const unstartedEntry = z.object({ type: z.literal('not_started'), ...place });

const callEntry = z.object({
  type: z.literal('call'),
  call_id: z.string(),
  rollout_id: z.string(),
  attempt: z.int(),
  model: z.string().nullable(),
  status: z.enum(callStatuses),
  http_status: z.int().nullable(),
  retry_of: z.string().nullable().describe('The call that it repeats.'),
  input_tokens: z.int().nullable(),
  output_tokens: z.int().nullable(),
  cost_usd: z.number().nullable().describe('null: its price is not known, or it has no usage.'),
  started_at: timestamp,
  ended_at: timestamp.nullable(),
  error: z.string().nullable(),
});

const entrySchema = z.discriminatedUnion('type', [rolloutEntry, unstartedEntry, callEntry]);
export type LedgerEntry = z.infer<typeof entrySchema>;

const booksSchema = z.object({
  infrastructure_loss_rate: z
    .number()
    .nullable()
    .describe('Share of all attempts that were lost to faults of Harbor or of a provider; null before the first.'),
  attempts: z.int(),
  attempts_lost: z.int(),
  attempts_failed: byClass.describe('Attempts that ended in a failure, by class, whoever was at fault.'),
  planned: z.int(),
  ...batchCountsSchema.shape,
  rollouts: z.int().describe('All of them, those that were retried included.'),
  ...spent,
  llm_calls_in_results: z.int().describe('As the results of the closed rollouts have it.'),
  cost_of_attempts_usd: z.number().describe('Of the calls that belong to an attempt.'),
  balances: z.boolean().describe('Every planned rollout is accounted for, and calls, attempts and results agree.'),
  imbalances: z.array(z.string()).describe('What does not add up.'),
});
export type LedgerBooks = z.infer<typeof booksSchema>;

export const batchLedgerSchema = booksSchema.extend({
  entries: z
    .array(entrySchema)
    .describe('By cell: every rollout with its attempts, or that none was started; then the calls of these cells.'),
  next: z
    .int()
    .nullable()
    .describe('What `after` has to be for the next cells; null: these are the last, or none were asked for.'),
});
export type BatchLedger = z.infer<typeof batchLedgerSchema>;

/** A line of the ledger as JSONL: the books first, then the entries. */
export const ledgerLineSchema = z.discriminatedUnion('type', [
  booksSchema.extend({ type: z.literal('books') }),
  rolloutEntry,
  unstartedEntry,
  callEntry,
]);
export type LedgerLine = z.infer<typeof ledgerLineSchema>;
