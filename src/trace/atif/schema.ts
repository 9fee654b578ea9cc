import type { JsonObject } from '../../model/json.ts';

/**
 * The Agent Trajectory Interchange Format, version 1.8, as far as Harbor writes it: the models of the PyPI package `atif`
 * 1.8.0, which refuses any other key.
 */
export interface Trajectory {
  readonly schema_version: 'ATIF-v1.8';
  readonly session_id: string;
  readonly trajectory_id: string;
  readonly agent: Agent;
  /** At least one. */
  readonly steps: readonly Step[];
  readonly notes?: string;
  readonly final_metrics: FinalMetrics;
  readonly extra: JsonObject;
  readonly subagent_trajectories?: readonly Trajectory[];
}

interface Agent {
  readonly name: string;
  readonly version: string;
  readonly model_name?: string;
  readonly tool_definitions?: readonly JsonObject[];
}

export interface Step {
  /** 1, 2, 3, … */
  readonly step_id: number;
  readonly timestamp?: string;
  readonly source: 'system' | 'user' | 'agent';
  readonly message: string;
  readonly observation?: { readonly results: readonly ObservationResult[] };
  readonly extra?: JsonObject;
  /** From here on: of agents only. */
  readonly model_name?: string;
  readonly reasoning_effort?: string;
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly ToolCall[];
  readonly metrics?: Metrics;
  /** 0: no call of this trajectory made it; it has neither metrics nor reasoning then. */
  readonly llm_call_count?: number;
  readonly is_copied_context?: true;
}

export interface ToolCall {
  readonly tool_call_id: string;
  readonly function_name: string;
  readonly arguments: JsonObject;
}

export interface ObservationResult {
  /** A tool call of the same step. */
  readonly source_call_id?: string;
  readonly content?: string;
  /** Found in `subagent_trajectories` of the trajectory that the step belongs to. */
  readonly subagent_trajectory_ref?: readonly { readonly trajectory_id: string }[];
}

export interface Metrics extends TokenData {
  /** With the cached ones. */
  readonly prompt_tokens?: number;
  readonly completion_tokens?: number;
  readonly cached_tokens?: number;
  readonly cost_usd?: number;
  readonly extra?: JsonObject;
}

/** What trainers need, where the upstream gave it. */
export interface TokenData {
  readonly prompt_token_ids?: readonly number[];
  readonly completion_token_ids?: readonly number[];
  /** One for each token of the completion. */
  readonly logprobs?: readonly number[];
}

export interface FinalMetrics {
  readonly total_prompt_tokens: number;
  readonly total_completion_tokens: number;
  readonly total_cached_tokens: number;
  /** Absent where the price of a call is not known. */
  readonly total_cost_usd?: number;
  readonly total_steps: number;
  readonly extra: JsonObject;
}
