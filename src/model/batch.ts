import { z } from 'zod';
import type { Grid } from './batch-cells.ts';
import { budgetSchema } from './budget.ts';
import { failures, isFailureClass } from './failures.ts';
import type { JsonObject } from './json.ts';
import { jsonObjectSchema } from './json.ts';
import { limits } from './limits.ts';
import { policySchema, type RolloutRequest, rolloutRequestSchema } from './rollout.ts';

/**
 * `cancelling`: nothing new starts, and what runs is being ended. A batch that was stopped by a rule or a budget is `running`
 * until its last rollout has ended, then `completed`, with a `stop_reason`.
 */
export const batchStatuses = ['running', 'paused', 'cancelling', 'completed', 'cancelled'] as const;
export type BatchStatus = (typeof batchStatuses)[number];

const [leastSeed, mostSeed] = limits.seed;
const seed = z
  .int('must be a whole number')
  .min(leastSeed, `must be at least ${leastSeed}`)
  .max(mostSeed, `must be at most ${mostSeed}`);
const [leastSamples, mostSamples, usualSamples] = limits.batchSamples;
const [leastOpen, mostOpen, usualOpen] = limits.batchConcurrency;

const concurrencySchema = z
  .int('must be a whole number')
  .min(leastOpen, `must be at least ${leastOpen}`)
  .max(mostOpen, `must be at most ${mostOpen}`);

const count = z.int('must be a whole number').min(1, 'must be at least 1');

const stopSchema = z.object({
  failures: count.optional().describe('So many rollouts were lost to faults of Harbor or of a provider.'),
  failure_share: z
    .number()
    .gt(0, 'must be more than 0')
    .max(1, 'must be at most 1')
    .optional()
    .describe('So large a share of the rollouts that ended, once 10 have, was lost to such faults.'),
});
export type StopRules = z.infer<typeof stopSchema>;

const batchBudgetSchema = budgetSchema.extend({
  rollouts: count.optional().describe('Rollouts that may be started, retries included.'),
});
export type BatchBudget = z.infer<typeof batchBudgetSchema>;

/** Body of `POST /api/harbor/deployments/{k}/batches`: seeds × samples × policies, and what all of its rollouts share. */
export const batchRequestSchema = rolloutRequestSchema
  .omit({ rollout_id: true, trace_correlation_id: true, comparison_id: true, seed: true, params: true })
  .extend({
    name: z.string().trim().min(1, 'must not be blank').max(limits.nameLength).optional(),
    metadata: jsonObjectSchema.default({}),
    seeds: z
      .union(
        [
          z.array(seed).min(1, 'must name at least one seed').max(limits.batchRollouts),
          z.object({ from: seed, to: seed }),
          z.object({ count }),
        ],
        `must be a list of whole numbers, {"from": 1, "to": 100} or {"count": 100}; each from ${leastSeed} to ${mostSeed}`,
      )
      .optional()
      .describe(
        "A list, a range with both its ends, or a count from 0 on. Absent: the seeds of the deployment's tasks.",
      ),
    samples: z
      .int('must be a whole number')
      .min(leastSamples, `must be at least ${leastSamples}`)
      .max(mostSamples, `must be at most ${mostSamples}`)
      .default(usualSamples)
      .describe('Rollouts of each seed under each policy.'),
    policies: z
      .array(policySchema)
      .min(1, 'must name at least one')
      .max(limits.policies, `may name at most ${limits.policies}`)
      .optional()
      .describe('Instead of `policy`: every seed is run under each of them.'),
    concurrency: concurrencySchema.default(usualOpen).describe('Rollouts of this batch that are open at once.'),
    priority: z.int().min(-1000).max(1000).default(0).describe('The larger, the sooner its rollouts get a place.'),
    budget: batchBudgetSchema
      .default({})
      .describe(
        'Once it is used up no further rollout starts, and those that run may make no further call that does not fit.',
      ),
    stop: stopSchema.default({}).describe('When to start no further rollout. Counted anew with each retry.'),
    pass_threshold: z.number().default(1).describe('The reward from which on a rollout has passed, for pass@k.'),
  })
  .refine(({ policy, policies }) => !policies || Object.keys(policy.config).length === 0, {
    path: ['policies'],
    message: 'is for several policies instead of policy; give one of the two',
  })
  .refine(({ seeds }) => !seeds || !('from' in seeds) || seeds.from <= seeds.to, {
    path: ['seeds'],
    message: 'from must not be larger than to',
  });
export type BatchRequest = z.infer<typeof batchRequestSchema>;

/** What a batch does, as it is stored: its cells and all that their rollouts need follow from it. */
export interface BatchPlan {
  readonly seeds: Grid['seeds'];
  readonly samples: number;
  readonly policies: readonly PlannedPolicy[];
  /** What all rollouts share; seed and policy are each one's own. */
  readonly template: RolloutRequest;
  readonly budget: BatchBudget;
  readonly stop: StopRules;
  readonly passThreshold: number;
  readonly metadata: JsonObject;
}

interface PlannedPolicy {
  readonly policy: RolloutRequest['policy'];
  readonly agent: string;
  readonly model: string | null;
}

export const gridOf = ({ seeds, samples, policies }: BatchPlan): Grid => ({
  seeds,
  samples,
  policies: policies.length,
});

/** Changes of a batch that need no further word. */
export const batchSteps = ['pause', 'resume', 'cancel'] as const;

export const concurrencyBodySchema = z.object({ concurrency: concurrencySchema });

/** Body of a retry: without a word, every cell without a reward. */
export const retryBodySchema = z.object({
  classes: z
    .array(z.enum(Object.keys(failures).filter(isFailureClass), 'is not a failure class'))
    .min(1, 'must name at least one')
    .optional()
    .describe('Only where the newest rollout ended with one of these failure classes.'),
  seeds: z.array(seed).min(1, 'must name at least one').max(limits.batchRollouts).optional().describe('Only these.'),
});
