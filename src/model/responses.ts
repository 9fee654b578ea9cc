/** What the HTTP API answers. The routes build it, the client and the CLI read it, and the API's description is made of it. */
import { z } from 'zod';
import { budgetSchema } from './budget.ts';
import { jsonObjectSchema, jsonSchema } from './json.ts';
import { overrideStatusSchema } from './override-responses.ts';
import { rolloutStatuses, trustLevels } from './rollout.ts';

export const timestamp = z.iso.datetime().describe('UTC, ISO 8601');

/** With what a page was asked for. */
export const page = { limit: z.int(), offset: z.int() };

/** Every error; the existing client prints `detail`. */
export const problemSchema = z.object({
  detail: z.string().describe('What went wrong, for people.'),
  code: z
    .string()
    .describe(
      'A failure class, or `not_found`, `conflict`, `unauthorized`, `too_large`, `method_not_allowed`, `unavailable`, `trace_removed`.',
    ),
  field: z.string().optional().describe('The request field at fault, as a path: `limits.cpu_cores`.'),
  remedy: z.string().optional().describe('What to do about it.'),
  rollout_id: z.string().optional().describe('Of a rollout that ended without a reward.'),
});
export type Problem = z.infer<typeof problemSchema>;

export const usageSchema = z.object({
  llm_calls: z.int().describe('That were forwarded.'),
  refused_calls: z.int().describe('That did not fit into a budget, and were not forwarded.'),
  input_tokens: z.int().describe('With the cached ones.'),
  cached_tokens: z.int(),
  cache_write_tokens: z.int(),
  output_tokens: z.int().describe('With the reasoning ones.'),
  reasoning_tokens: z.int(),
  cost_usd: z.number().nullable().describe('US dollars at list prices; null where the price of a call is not known.'),
});

export const failureSchema = z.object({
  class: z.string().describe('A failure class; docs/architecture.md has them all.'),
  message: z.string(),
});
const seconds = z.number().nonnegative().nullable().describe('Seconds; null where it was not reached.');

const timingsSchema = z.object({
  queued_s: seconds,
  provision_s: seconds,
  agent_s: seconds,
  evaluate_s: seconds,
  total_s: seconds,
});

/** Tokens of one call. */
export const callUsageSchema = usageSchema.omit({ llm_calls: true, refused_calls: true, cost_usd: true });

/** One LLM call without its bodies. */
export const callSummarySchema = z.object({
  id: z.string(),
  attempt: z.int(),
  dialect: z.string().describe('The wire format: `openai-responses`, `openai-chat`, `anthropic-messages` or `other`.'),
  upstream: z.string().describe('Who answered: `openai`, `anthropic` or `scripted`.'),
  model: z.string().nullable(),
  status: z.string().describe('`ok`, `http_error`, `reset`, `client_abort`, `revoked`, `killed` or `refused`.'),
  http_status: z.int().nullable(),
  stop_reason: z.string().nullable(),
  retry_of: z.string().nullable().describe('The call that this one repeats after a failure.'),
  usage: callUsageSchema.nullable(),
  cost_usd: z.number().nullable().describe('US dollars at list prices.'),
  started_at: timestamp,
  ttfb_ms: z.number().nullable().describe('Milliseconds to the first byte of the answer.'),
  duration_ms: z.number().nullable().describe('Milliseconds.'),
  error: z.string().nullable(),
});
export type CallSummary = z.infer<typeof callSummarySchema>;

const rewardInfoSchema = z.object({
  outcome_reward: z
    .number()
    .nullable()
    .describe('The number that counts; null where no test result exists, never 0 instead.'),
  outcome_objectives: z.record(z.string(), z.number()).nullable().describe('All named numbers that the tests gave.'),
  event_rewards: z.null(),
  details: jsonObjectSchema.describe("What the image's own entrypoint said besides."),
});

/** Answer of the rollout routes: the existing client's schema, and Harbor's own fields beside it. */
export const rolloutSchema = z.object({
  id: z.string(),
  trace_correlation_id: z.string(),
  comparison_id: z.string().nullable().describe('Shared by rollouts that are to be compared.'),
  deployment_id: z.string(),
  deployment: z.string().describe("The deployment's name."),
  generation: z.int().describe('Of the deployment, when the rollout was made; it keeps it.'),
  snapshot_id: z.string(),
  seed: z.int().nullable(),
  agent: z.string().describe("`entrypoint`: the image's own command."),
  model: z.string().nullable(),
  status: z.enum(rolloutStatuses),
  attempt: z.int().describe('The last one, from 1; 0 before the first.'),
  success: z.boolean().describe('It came to its end in good order; says nothing of the reward.'),
  success_status: z
    .string()
    .nullable()
    .describe(
      '`success`, `failure`, `timeout`, `network_error`, `runtime_error` or `apply_failed`; null while it is open.',
    ),
  status_detail: z.string().nullable(),
  error: z.string().nullable(),
  failure: failureSchema.nullable(),
  reward_info: rewardInfoSchema,
  metrics: rewardInfoSchema
    .extend({ reward_mean: z.number().nullable() })
    .describe('The same numbers where older clients look for them.'),
  trust: z.enum(trustLevels).nullable().describe('How far the reward can be trusted.'),
  self_reported: z.boolean().describe('No tests judged it: the reward is what the image says itself.'),
  usage: usageSchema,
  budget: budgetSchema.nullable().describe('What it may spend, all attempts together; null: there is no bound.'),
  timings: timingsSchema,
  resources: jsonObjectSchema.nullable(),
  trace: z
    .object({ trace_id: z.string(), url: z.string(), calls: z.array(callSummarySchema) })
    .nullable()
    .describe('A summary of every LLM call; the bodies lie at `url`.'),
  // The existing client fails on a list.
  artifact: z.null().describe('Always null: `GET …/artifacts` has them.'),
  inference_url: z.null(),
  override_application_results: z
    .array(overrideStatusSchema)
    .nullable()
    .describe('Of the last attempt; null where nothing was to be overlaid.'),
  execution_metadata: jsonObjectSchema,
  attempts: z.array(
    z.object({
      attempt: z.int(),
      sandbox: z.string().describe('Its name at the provider.'),
      started_at: timestamp,
      ended_at: timestamp.nullable().describe('null until nothing is left of its sandbox.'),
      failure: failureSchema.nullable(),
      resumes: z
        .array(z.object({ at: timestamp, reason: z.string() }))
        .describe("When the agent's session was taken up again, and what fault of Harbor's had cut it off."),
    }),
  ),
  created_at: timestamp,
  closed_at: timestamp.nullable(),
});
export type RolloutResponse = z.infer<typeof rolloutSchema>;

/** A rollout that ended without a number: an error with everything that is known. */
export const unrewardedSchema = rolloutSchema.extend({
  ...problemSchema.pick({ detail: true, code: true }).shape,
  rollout_id: z.string(),
});
/** What stands where a rollout was asked for and its request cannot be carried out, before it began or later. */
export const refusedRolloutSchema = z.union([unrewardedSchema, problemSchema]);

export const rolloutListSchema = z.object({
  rollouts: z
    .array(rolloutSchema.omit({ trace: true, attempts: true, override_application_results: true }))
    .describe('Newest first.'),
  ...page,
});

/** `GET …/trace`: every call with what was asked and what was answered, as JSON where it is JSON. */
export const traceSchema = z.object({
  rollout_id: z.string(),
  trace_correlation_id: z.string(),
  usage: usageSchema,
  calls: z.array(
    callSummarySchema.extend({
      method: z.string(),
      path: z.string(),
      request: jsonSchema
        .nullable()
        .describe('Parsed, or null where it is not JSON; `…/trace/{call}/request` has its bytes.'),
      response: jsonSchema.nullable().describe('Parsed; a stream is given as the one answer that it amounts to.'),
      request_bytes: z.int(),
      response_bytes: z.int(),
    }),
  ),
});
export type TraceResponse = z.infer<typeof traceSchema>;

export const artifactListSchema = z.object({
  rollout_id: z.string(),
  artifacts: z.array(
    z.object({
      name: z.string(),
      attempt: z.int(),
      content_type: z.string(),
      size_bytes: z.int(),
      sha256: z.string().nullable(),
      url: z.string().nullable().describe('Where its bytes are, on this server; null where they were not kept.'),
      omitted: z.string().nullable().describe('Why it was not kept.'),
    }),
  ),
});
export type ArtifactList = z.infer<typeof artifactListSchema>;

/** `202` of `Prefer: respond-async`. */
export const acceptedSchema = z.object({
  id: z.string(),
  rollout_id: z.string(),
  status: z.enum(rolloutStatuses),
  url: z.string().describe('Where the rollout is, on this server.'),
});
export type Accepted = z.infer<typeof acceptedSchema>;

/** Answers of a request with several `policies`, in their order: `202` and, once all have ended, `200`. */
export const acceptedComparisonSchema = z.object({
  comparison_id: z.string(),
  rollouts: z.array(acceptedSchema),
  url: z.string(),
});
export const comparisonSchema = z.object({
  comparison_id: z.string(),
  rollouts: z.array(rolloutSchema).describe('Some may have ended without a reward; each says for itself.'),
});

/** What the rollout routes answer, to a request for one and to one for several. */
export const endedSchema = z.union([rolloutSchema, comparisonSchema]);
export const startedSchema = z.union([acceptedSchema, acceptedComparisonSchema]);
