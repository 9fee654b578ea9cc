import { z } from 'zod';
import { budgetSchema } from './budget.ts';
import { contextOverrideSchema, contextOverridesSchema } from './context-override.ts';
import { egressSchema } from './egress.ts';
import { failures, isFailureClass } from './failures.ts';
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
const promptTemplateSchema = z.looseObject({
  sections: z.array(promptSectionSchema).optional(),
  context_override: contextOverrideSchema.nullish(),
  context_overrides: contextOverridesSchema.nullish(),
});
export type PromptTemplate = z.infer<typeof promptTemplateSchema>;

/** Agent, model and their settings. Unknown keys are kept: an image's own entrypoint gets them all as `params`. */
const policyConfigSchema = z.looseObject({
  agent: z.string().optional().describe('Absent: chosen by the model.'),
  model: z.string().min(1).max(256).optional().describe('The model that the agent uses.'),
  provider: z.string().max(64).nullish(),
  inference_url: z.string().max(2048).nullish().describe('A hint only: Harbor puts its interceptor in its place.'),
  reasoning_effort: z.string().max(32).optional(),
});

export const policySchema = z.object({
  policy_id: z.string().nullish(),
  policy_name: z.string().nullish(),
  config: policyConfigSchema.prefault({}),
  context_override: contextOverrideSchema.nullish().describe('The overlay that the policy itself brings.'),
  output_mode: z.string().optional(),
});

export const rolloutIdSchema = z
  .string()
  .regex(rolloutIdPattern, 'must be 1 to 64 letters, digits, "_" or "-", and start with a letter or digit');

/** Attempts in all, by failure class. A class whose work is judged or refused is never tried again: it would ask twice. */
const retryable = Object.keys(failures)
  .filter(isFailureClass)
  .filter((name) => !failures[name].scored && !['caller', 'nobody'].includes(failures[name].fault));
const retrySchema = z.partialRecord(
  z.enum(retryable, `names a class that is not retried; those are: ${retryable.join(', ')}`),
  z
    .int('must be a whole number')
    .min(1, 'must be at least 1: the first attempt')
    .max(limits.retryAttempts, `must be at most ${limits.retryAttempts} attempts`),
);

/** What makes one rollout. Unknown keys are ignored, as the existing client expects. */
export const rolloutRequestSchema = z.object({
  trace_correlation_id: z
    .string()
    .trim()
    .min(1, 'must not be blank')
    .max(512)
    .optional()
    .describe(
      "A mark for your own records, which any number of rollouts may share. A request with one may be repeated when its connection broke. Absent: the rollout's id.",
    ),
  rollout_id: rolloutIdSchema
    .optional()
    .describe('Its own id, chosen by who wants to repeat the request safely. Absent: a ULID.'),
  comparison_id: rolloutIdSchema
    .optional()
    .describe('Shared by rollouts that are to be compared, whatever they differ in: lists can be filtered by it.'),
  env: z
    .object({
      seed: seedSchema,
      env_name: z.string().nullish(),
      env_id: z.string().nullish(),
      config: z.record(z.string(), jsonSchema).default({}),
    })
    .prefault({}),
  seed: seedSchema.describe('The global form has the seed here.'),
  policy: policySchema.prefault({}),
  params: z
    .looseObject({ agent: z.string().optional(), model: z.string().min(1).max(256).optional() })
    .optional()
    .describe('The global form has agent and model here.'),
  prompt_template: promptTemplateSchema.nullish().describe("The instruction. Absent: that of the deployment's task."),
  limits: z
    .object({
      timeout_s: z
        .number()
        .min(1, 'must be at least 1 second')
        .max(limits.timeoutSeconds[1], `must be at most ${limits.timeoutSeconds[1]} seconds`)
        .optional()
        .describe('Seconds for the agent alone; neither the wait for a place nor the tests count.'),
      budget: budgetSchema
        .optional()
        .describe('What all attempts together may spend on LLM calls. Absent: as much as their time allows.'),
    })
    .prefault({}),
  safety: z.looseObject({ max_time_s: z.int().positive().optional() }).nullish(),
  egress: egressSchema.default({}),
  artifacts: z
    .array(
      z
        .string()
        .min(1, 'must not be empty')
        .max(limits.artifactPathLength, `must have at most ${limits.artifactPathLength} characters`)
        .refine((path) => !path.includes('\0'), 'must not hold a NUL'),
    )
    .max(limits.artifacts, `may name at most ${limits.artifacts} paths`)
    .default([])
    .describe('Files and directories to keep once the agent is done; relative to the working directory, or absolute.'),
  context_overrides: contextOverridesSchema
    .nullish()
    .describe('Files, scripts and variables to overlay on the sandbox before the agent works.'),
  retry: retrySchema
    .optional()
    .describe(
      'Attempts in all after a failure of a class, where they shall be others than usual: `{"sandbox_lost": 5}`.',
    ),
  override_bundle_id: z.string().max(256).nullish(),
});
export type RolloutRequest = z.infer<typeof rolloutRequestSchema>;

/**
 * Body of `POST /api/harbor/deployments/{k}/rollout` and of the global `/rollout`: one rollout, or with `policies` one
 * for each of them, all else alike. Their ids are then the request's `rollout_id` (or a ULID) with `-1`, `-2`, … .
 */
export const rolloutBodySchema = rolloutRequestSchema
  .extend({
    policies: z
      .array(policySchema)
      .min(2, 'must name at least 2; one alone goes into policy')
      .max(limits.policies, `may name at most ${limits.policies}`)
      .optional()
      .describe('Instead of `policy`: one rollout for each of them, all else alike, to compare them.'),
  })
  .refine(({ policies, policy }) => !policies || !saysSomething(policy), {
    path: ['policies'],
    message: 'is for several policies instead of policy; give one of the two',
  })
  .refine(
    ({ policies, rollout_id: id }) => !policies || id === undefined || rolloutIdSchema.safeParse(`${id}-1`).success,
    {
      path: ['rollout_id'],
      message:
        'must have at most 62 characters where several policies are named: each of their rollouts appends its number',
    },
  );

function saysSomething({ config, ...others }: z.infer<typeof policySchema>): boolean {
  return Object.keys(config).length > 0 || Object.keys(others).length > 0;
}

export type RolloutBody = z.infer<typeof rolloutBodySchema>;

/** Input of the workflow type `rollout`: a rollout request, the deployment it is for and whose it is. */
export const rolloutInputSchema = rolloutRequestSchema.extend({
  /** Id or name. */
  deployment: z.string().min(1),
  organization: z.string().min(1).default('default'),
});

/** Body of the global `/rollout`. */
export const globalRolloutRequestSchema = rolloutBodySchema.safeExtend({
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
  /** Without those that a budget refused: they were not forwarded. */
  readonly llm_calls: number;
  readonly refused_calls: number;
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
  refused_calls: 0,
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
