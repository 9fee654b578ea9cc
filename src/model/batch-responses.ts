import { z } from 'zod';
import { batchStatuses } from './batch.ts';
import { jsonObjectSchema } from './json.ts';
import { failureSchema, page, timestamp, usageSchema } from './responses.ts';
import { rolloutStatuses } from './rollout.ts';

export const byClass = z.record(z.string(), z.int());

export const batchSummarySchema = z.object({
  id: z.string(),
  name: z.string().nullable(),
  deployment_id: z.string(),
  deployment_name: z.string(),
  status: z.enum(batchStatuses),
  stop_reason: z.string().nullable().describe('The budget or the rule because of which no further rollout starts.'),
  planned: z.int().describe('Seeds × samples × policies.'),
  started: z.int().describe('Rollouts that were started, retries included.'),
  concurrency: z.int(),
  priority: z.int(),
  created_at: timestamp,
  closed_at: timestamp.nullable(),
  url: z.string(),
});
export type BatchSummary = z.infer<typeof batchSummarySchema>;

/** Of the newest rollout of each cell; the five make up `planned`. */
export const batchCountsSchema = z.object({
  scored: z.int().describe('Have a reward.'),
  failed: byClass.describe('Ended without a reward, by failure class.'),
  cancelled: z.int(),
  open: z.partialRecord(z.enum(rolloutStatuses), z.int()).describe('Not ended, by status.'),
  not_started: z.int(),
});

const batchPolicySchema = z.object({
  index: z.int(),
  name: z.string().nullable(),
  agent: z.string(),
  model: z.string().nullable(),
  scored: z.int(),
  mean_reward: z.number().nullable(),
  mean_low: z.number().nullable().describe('95 % interval, clustered by seed; null below two seeds with rewards.'),
  mean_high: z.number().nullable(),
  pass_at: z
    .record(z.string(), z.number())
    .describe('Unbiased pass@k for k = 1, 2, 4, …: the mean over the seeds that have k rewards.'),
});

export const batchSchema = batchSummarySchema.extend({
  counts: batchCountsSchema,
  mean_reward: z.number().nullable(),
  mean_low: z.number().nullable().describe('95 % interval (Student, clustered by seed); null below two seeds.'),
  mean_high: z.number().nullable(),
  policies: z.array(batchPolicySchema),
  attempts: z.int(),
  llm_calls: z.int(),
  tokens: z.int().describe('Input and output.'),
  cost_usd: z.number().describe('Of the calls whose price is known.'),
  unpriced_calls: z.int(),
  queued_s: z.number().nullable().describe('Mean seconds until a rollout got its place.'),
  eta_s: z.number().nullable().describe('Seconds until the last ends, at the pace so far; null where there is none.'),
  metadata: jsonObjectSchema,
});
export type BatchResponse = z.infer<typeof batchSchema>;

export const batchListSchema = z.object({ batches: z.array(batchSummarySchema), ...page });

/** One cell, as its newest rollout has it. */
export const batchResultSchema = z.object({
  cell: z.int(),
  rollout_id: z.string(),
  seed: z.int().nullable(),
  sample: z.int(),
  policy: z.int().describe('Index of its policy.'),
  generation: z.int().describe('1, or more for a retry.'),
  retry_of: z.string().nullable(),
  status: z.enum(rolloutStatuses),
  reward: z.number().nullable(),
  failure: failureSchema.nullable(),
  usage: usageSchema.nullable(),
  attempts: z.int(),
  total_s: z.number().nullable(),
});
export type BatchResult = z.infer<typeof batchResultSchema>;

export const batchResultsSchema = z.object({
  results: z.array(batchResultSchema).describe('By cell.'),
  next: z.int().nullable().describe('What `after` has to be for the next page; null: this is the last.'),
});
