import { z } from 'zod';
import { egressSchema } from './egress.ts';
import { rolloutIdPattern } from './ids.ts';
import { jsonSchema } from './json.ts';
import { limits } from './limits.ts';

export const rolloutStatuses = [
  'queued',
  'provisioning',
  'running',
  'evaluating',
  'completed',
  'failed',
  'cancelled',
] as const;
export type RolloutStatus = (typeof rolloutStatuses)[number];

const closedStatuses = ['completed', 'failed', 'cancelled'] as const satisfies readonly RolloutStatus[];
export const isClosed = (status: RolloutStatus): boolean =>
  (closedStatuses as readonly RolloutStatus[]).includes(status);

const [leastSeed, largestSeed] = limits.seed;
const seedSchema = z
  .int('must be a whole number')
  .min(leastSeed, `must be at least ${leastSeed}`)
  .max(largestSeed, `must be at most ${largestSeed}`)
  .nullish();

const promptSectionSchema = z.looseObject({
  role: z.string().optional(),
  pattern: z.string().optional(),
  content: z.string().optional(),
  order: z.number().optional(),
});

/** `prompt_template`: its sections, in `order`, make the instruction. Unknown keys are handed on to an own entrypoint. */
const promptTemplateSchema = z.looseObject({ sections: z.array(promptSectionSchema).optional() });
export type PromptTemplate = z.infer<typeof promptTemplateSchema>;

/** Agent, model and their settings. Unknown keys are kept: an image's own entrypoint gets them all as `params`. */
const policyConfigSchema = z.looseObject({
  agent: z.string().optional(),
  model: z.string().min(1).max(256).optional(),
  provider: z.string().max(64).nullish(),
  /** A hint only: Harbor puts its interceptor in its place. */
  inference_url: z.string().max(2048).nullish(),
  reasoning_effort: z.string().max(32).optional(),
});

/**
 * Body of `POST /api/harbor/deployments/{k}/rollout`, of the global `/rollout`, and (with `deployment`) the input of
 * the workflow type `rollout`. Unknown keys are ignored, as the existing client expects.
 */
export const rolloutRequestSchema = z.object({
  /** A caller's mark for its own records; not unique, Harbor never tells rollouts apart by it. Absent: the rollout's id. */
  trace_correlation_id: z.string().trim().min(1, 'must not be blank').max(512).optional(),
  /** The rollout's own id, chosen by a caller that wants to repeat the request safely. Absent: a ULID. */
  rollout_id: z
    .string()
    .regex(rolloutIdPattern, 'must be 1 to 64 letters, digits, "_" or "-", and start with a letter or digit')
    .optional(),
  env: z
    .object({
      seed: seedSchema,
      env_name: z.string().nullish(),
      env_id: z.string().nullish(),
      config: z.record(z.string(), jsonSchema).default({}),
    })
    .prefault({}),
  /** The global form's place for the seed. */
  seed: seedSchema,
  policy: z
    .object({
      policy_id: z.string().nullish(),
      policy_name: z.string().nullish(),
      config: policyConfigSchema.prefault({}),
      output_mode: z.string().optional(),
    })
    .prefault({}),
  /** The global form's place for agent and model. */
  params: z.looseObject({ agent: z.string().optional(), model: z.string().min(1).max(256).optional() }).optional(),
  prompt_template: promptTemplateSchema.nullish(),
  limits: z
    .object({
      timeout_s: z
        .number()
        .min(1, 'must be at least 1 second')
        .max(limits.timeoutSeconds[1], `must be at most ${limits.timeoutSeconds[1]} seconds`)
        .optional(),
    })
    .prefault({}),
  safety: z.looseObject({ max_time_s: z.int().positive().optional() }).nullish(),
  egress: egressSchema.default({}),
  context_overrides: z
    .array(z.unknown())
    .max(0, 'are not supported yet: build what they would change into the image')
    .nullish(),
});
export type RolloutRequest = z.infer<typeof rolloutRequestSchema>;

/** Input of the workflow type `rollout`: a rollout request, the deployment it is for and whose it is. */
export const rolloutInputSchema = rolloutRequestSchema.extend({
  /** Id or name. */
  deployment: z.string().min(1),
  organization: z.string().min(1).default('default'),
});

/** Body of the global `/rollout`. */
export const globalRolloutRequestSchema = rolloutRequestSchema.extend({
  deployment_id: z.string('is missing').min(1, 'must not be empty').describe('Id or name.'),
});

/**
 * How far a reward can be trusted. `isolated`: judged in a sandbox of its own; `quiesced`: in the agent's sandbox, with
 * every process of the agent dead; `shared-live`: beside processes that the agent left running, as the task asks;
 * `self-reported`: the image's own entrypoint said so, no held-back tests exist.
 */
export const trustLevels = ['isolated', 'quiesced', 'shared-live', 'self-reported'] as const;
export type Trust = (typeof trustLevels)[number];

/** Sums over the calls of a rollout, all attempts. `cost_usd` is null as soon as one call has no known price. */
export interface Usage {
  readonly llm_calls: number;
  /** With the cached ones. */
  readonly input_tokens: number;
  readonly cached_tokens: number;
  readonly cache_write_tokens: number;
  /** With the reasoning ones. */
  readonly output_tokens: number;
  readonly reasoning_tokens: number;
  readonly cost_usd: number | null;
}

export const noUsage: Usage = {
  llm_calls: 0,
  input_tokens: 0,
  cached_tokens: 0,
  cache_write_tokens: 0,
  output_tokens: 0,
  reasoning_tokens: 0,
  cost_usd: 0,
};

/** Seconds of each phase; null where it was not reached. The phases of the last attempt; `total` spans all of them. */
export interface Timings {
  readonly queued_s: number | null;
  readonly provision_s: number | null;
  readonly agent_s: number | null;
  readonly evaluate_s: number | null;
  readonly total_s: number | null;
}
