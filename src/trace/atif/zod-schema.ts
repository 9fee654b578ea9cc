import { z } from 'zod';
import { jsonObjectSchema } from '../../model/json.ts';
import type { Trajectory } from './schema.ts';

const agent = z.object({
  name: z.string(),
  version: z.string(),
  model_name: z.string().exactOptional(),
  tool_definitions: z.array(jsonObjectSchema).exactOptional(),
});

const toolCall = z.object({ tool_call_id: z.string(), function_name: z.string(), arguments: jsonObjectSchema });

const observationResult = z.object({
  source_call_id: z.string().exactOptional().describe('A tool call of the same step.'),
  content: z.string().exactOptional(),
  subagent_trajectory_ref: z
    .array(z.object({ trajectory_id: z.string() }))
    .exactOptional()
    .describe('Found in `subagent_trajectories` of the trajectory that the step belongs to.'),
});

const metrics = z.object({
  prompt_tokens: z.int().exactOptional().describe('With the cached ones.'),
  completion_tokens: z.int().exactOptional(),
  cached_tokens: z.int().exactOptional(),
  cost_usd: z.number().exactOptional(),
  prompt_token_ids: z.array(z.int()).exactOptional(),
  completion_token_ids: z.array(z.int()).exactOptional(),
  logprobs: z.array(z.number()).exactOptional().describe('One for each token of the completion.'),
  extra: jsonObjectSchema.exactOptional(),
});

const step = z.object({
  step_id: z.int().describe('1, 2, 3, …'),
  timestamp: z.string().exactOptional(),
  source: z.enum(['system', 'user', 'agent']),
  message: z.string(),
  observation: z.object({ results: z.array(observationResult) }).exactOptional(),
  extra: jsonObjectSchema.exactOptional(),
  model_name: z.string().exactOptional(),
  reasoning_effort: z.string().exactOptional(),
  reasoning_content: z.string().exactOptional(),
  tool_calls: z.array(toolCall).exactOptional(),
  metrics: metrics.exactOptional(),
  llm_call_count: z.int().exactOptional(),
  is_copied_context: z.literal(true).exactOptional(),
});

const finalMetrics = z.object({
  total_prompt_tokens: z.int(),
  total_completion_tokens: z.int(),
  total_cached_tokens: z.int(),
  total_cost_usd: z.number().exactOptional().describe('US dollars; absent where the price of a call is not known.'),
  total_steps: z.int(),
  extra: jsonObjectSchema,
});

/** {@link Trajectory}, for the API's description. */
export const trajectorySchema: z.ZodType<Trajectory> = z.object({
  schema_version: z.literal('ATIF-v1.8'),
  session_id: z.string(),
  trajectory_id: z.string(),
  agent,
  steps: z.array(step).min(1),
  notes: z.string().exactOptional(),
  final_metrics: finalMetrics,
  extra: jsonObjectSchema,
  get subagent_trajectories() {
    return z.array(trajectorySchema).exactOptional();
  },
});
