/** What the HTTP API answers. The routes build it, the client and the CLI read it, and the API's description is made of it. */
import { z } from 'zod';
import { buildStatuses, deploymentLimitsSchema, deploymentStatuses, entrypointModes } from './deployment.ts';
import { jsonObjectSchema } from './json.ts';
import { rolloutStatuses, trustLevels } from './rollout.ts';

export const timestamp = z.iso.datetime().describe('UTC, ISO 8601');

/** Every error. `detail` is for people; the existing client prints it. */
export const problemSchema = z.object({
  detail: z.string(),
  /** A failure class, or `not_found`, `conflict`, `unauthorized`, `too_large`. */
  code: z.string(),
  /** The request field at fault. */
  field: z.string().optional(),
  /** What to do about it. */
  remedy: z.string().optional(),
  /** Of a rollout that ended without a reward. */
  rollout_id: z.string().optional(),
});
export type Problem = z.infer<typeof problemSchema>;

export const buildSchema = z.object({
  id: z.string(),
  status: z.enum(buildStatuses),
  generation: z.int(),
  /** Nothing had to be built: a snapshot of this content was there. */
  cached: z.boolean(),
  snapshot_id: z.string().nullable(),
  error_message: z.string().nullable(),
  created_at: timestamp,
  started_at: timestamp.nullable(),
  completed_at: timestamp.nullable(),
});
export type BuildResponse = z.infer<typeof buildSchema>;

const deploymentSummarySchema = z.object({
  id: z.string(),
  name: z.string(),
  status: z.enum(deploymentStatuses),
  /** Of the newest generation that is ready. */
  snapshot_id: z.string().nullable(),
  /** Why it failed; absent otherwise, since the existing client prints a null as "None". */
  error: z.string().optional(),
  generation: z.int(),
  created_at: timestamp,
  updated_at: timestamp,
});
export type DeploymentSummary = z.infer<typeof deploymentSummarySchema>;

export const deploymentSchema = deploymentSummarySchema.extend({
  description: z.string().nullable(),
  entrypoint: z.string(),
  entrypoint_mode: z.enum(entrypointModes),
  limits: deploymentLimitsSchema,
  metadata: jsonObjectSchema,
  /** Names only. */
  env_vars: z.array(z.string()),
  /** Of the tasks in the context; empty where any seed is taken. */
  seeds: z.array(z.int()),
  latest_build: buildSchema.nullable(),
  /** Remarks on what was uploaded, e.g. keys of task.toml that are not known. */
  warnings: z.array(z.string()),
});
export type DeploymentResponse = z.infer<typeof deploymentSchema>;

export const deploymentStatusSchema = deploymentSummarySchema.extend({ builds: z.array(buildSchema) });
export type DeploymentStatusResponse = z.infer<typeof deploymentStatusSchema>;

export const deploymentListSchema = z.object({
  deployments: z.array(deploymentSummarySchema),
  limit: z.int(),
  offset: z.int(),
});

export const buildStartedSchema = z.object({
  build_id: z.string(),
  deployment_id: z.string(),
  status: z.enum(buildStatuses),
});

const usageSchema = z.object({
  llm_calls: z.int(),
  input_tokens: z.int(),
  cached_tokens: z.int(),
  cache_write_tokens: z.int(),
  output_tokens: z.int(),
  reasoning_tokens: z.int(),
  cost_usd: z.number().nullable(),
});

export const failureSchema = z.object({ class: z.string(), message: z.string() });
const seconds = z.number().nonnegative().nullable();

const timingsSchema = z.object({
  queued_s: seconds,
  provision_s: seconds,
  agent_s: seconds,
  evaluate_s: seconds,
  total_s: seconds,
});

/** Tokens of one call. */
export const callUsageSchema = usageSchema.omit({ llm_calls: true, cost_usd: true });

/** One LLM call without its bodies. */
const callSummarySchema = z.object({
  id: z.string(),
  attempt: z.int(),
  dialect: z.string(),
  upstream: z.string(),
  model: z.string().nullable(),
  status: z.string(),
  http_status: z.int().nullable(),
  stop_reason: z.string().nullable(),
  retry_of: z.string().nullable(),
  usage: callUsageSchema.nullable(),
  cost_usd: z.number().nullable(),
  started_at: timestamp,
  ttfb_ms: z.number().nullable(),
  duration_ms: z.number().nullable(),
  error: z.string().nullable(),
});
export type CallSummary = z.infer<typeof callSummarySchema>;

const rewardInfoSchema = z.object({
  outcome_reward: z.number().nullable(),
  outcome_objectives: z.record(z.string(), z.number()).nullable(),
  event_rewards: z.null(),
  details: jsonObjectSchema,
});

/** Answer of the rollout routes: the existing client's schema, and Harbor's own fields beside it. */
export const rolloutSchema = z.object({
  id: z.string(),
  trace_correlation_id: z.string(),
  deployment_id: z.string(),
  deployment: z.string(),
  generation: z.int(),
  snapshot_id: z.string(),
  seed: z.int().nullable(),
  agent: z.string(),
  model: z.string().nullable(),
  status: z.enum(rolloutStatuses),
  attempt: z.int(),
  success: z.boolean(),
  success_status: z.string().nullable(),
  status_detail: z.string().nullable(),
  error: z.string().nullable(),
  failure: failureSchema.nullable(),
  reward_info: rewardInfoSchema,
  /** The same numbers where older clients look for them. */
  metrics: rewardInfoSchema.extend({ reward_mean: z.number().nullable() }),
  trust: z.enum(trustLevels).nullable(),
  self_reported: z.boolean(),
  usage: usageSchema,
  timings: timingsSchema,
  resources: jsonObjectSchema.nullable(),
  /** A summary; the whole of it lies at `url`. */
  trace: z.object({ trace_id: z.string(), url: z.string(), calls: z.array(callSummarySchema) }).nullable(),
  /** Always null here: the existing client fails on a list. `GET …/artifacts` has them. */
  artifact: z.null(),
  inference_url: z.null(),
  override_application_results: z.null(),
  execution_metadata: jsonObjectSchema,
  attempts: z.array(
    z.object({
      attempt: z.int(),
      sandbox: z.string(),
      started_at: timestamp,
      ended_at: timestamp.nullable(),
      failure: failureSchema.nullable(),
    }),
  ),
  created_at: timestamp,
  closed_at: timestamp.nullable(),
});
export type RolloutResponse = z.infer<typeof rolloutSchema>;

export const rolloutListSchema = z.object({
  rollouts: z.array(rolloutSchema.omit({ trace: true, attempts: true })),
  limit: z.int(),
  offset: z.int(),
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
      /** Parsed, or null where it is not JSON; `…/trace/{call id}/request` has its bytes. */
      request: z.json().nullable(),
      /** A stream is given as the answer it amounts to: its last event's response, or what could be put together. */
      response: z.json().nullable(),
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
      sha256: z.string(),
      url: z.string(),
    }),
  ),
});
export type ArtifactList = z.infer<typeof artifactListSchema>;

/** `202` of `Prefer: respond-async`. */
export const acceptedSchema = z.object({
  id: z.string(),
  rollout_id: z.string(),
  status: z.enum(rolloutStatuses),
  url: z.string(),
});
