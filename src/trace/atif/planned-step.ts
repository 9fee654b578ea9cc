import type { CallRecord } from '../../model/call.ts';
import { type JsonObject, jsonObjectSchema, tryParseJson } from '../../model/json.ts';
import type { Answered } from '../turn.ts';
import type { ReadCall } from './read-call.ts';
import type { Metrics, ObservationResult, Step, TokenData, ToolCall } from './schema.ts';

/** A step before its place and its token data are known. Results of its tools come with later calls. */
export interface PlannedStep {
  /** null: of no call. */
  readonly at: Date | null;
  readonly source: Step['source'];
  readonly message: string;
  readonly thoughts: string;
  readonly tools: readonly ToolCall[];
  readonly results: ObservationResult[];
  /** Whose answer it is; null: it was there before. */
  readonly call: CallRecord | null;
  readonly effort: string | null;
  readonly hasTokenData: boolean;
}

const none = { message: '', thoughts: '', tools: [], call: null, effort: null, hasTokenData: false } as const;

export function toldStep(at: Date | null, role: string, message: string): PlannedStep {
  const source = role === 'system' || role === 'developer' ? 'system' : 'user';
  return { ...none, at, source, message, results: [] };
}

/** What the model is said to have said, in calls that are not part of the conversation. */
export function copiedStep(at: Date, answers: readonly Answered[]): PlannedStep {
  return { ...none, at, source: 'agent', ...partsOf(answers, ''), thoughts: '', results: [] };
}

export function answerStep({ record, turn, effort, hasTokenData }: ReadCall): PlannedStep {
  const at = record.endedAt ?? record.startedAt;
  const parts = partsOf(turn.answered, record.id);
  return { at, source: 'agent', ...parts, results: [], call: record, effort, hasTokenData };
}

function partsOf(answers: readonly Answered[], ids: string): Pick<PlannedStep, 'message' | 'thoughts' | 'tools'> {
  const textsOf = (kind: 'text' | 'thought') => answers.flatMap((one) => (one.kind === kind ? [one.text] : []));
  const tools = answers.flatMap((one, index) => (one.kind === 'tool' ? [toolCall(one, `${ids}-${index}`)] : []));
  return { message: textsOf('text').join('\n\n'), thoughts: textsOf('thought').join('\n\n'), tools };
}

function toolCall({ callId, name, input }: Extract<Answered, { kind: 'tool' }>, substitute: string): ToolCall {
  const id = callId === '' ? substitute : callId;
  return { tool_call_id: id, function_name: name, arguments: argumentsOf(input) };
}

/** Tools may take any text, and a JSON may have been cut off. */
function argumentsOf(input: string): JsonObject {
  if (input.trim() === '') return {};
  return tryParseJson(input, jsonObjectSchema) ?? { input };
}

export function presentStep(planned: PlannedStep, stepId: number, tokens: TokenData): Step {
  const { at, source, message, thoughts, tools, results, call, effort } = planned;
  return {
    step_id: stepId,
    ...(at && { timestamp: at.toISOString() }),
    source,
    ...(source === 'agent' && call && presentAnswer(call, effort)),
    message,
    ...(thoughts !== '' && { reasoning_content: thoughts }),
    ...(tools.length > 0 && { tool_calls: tools }),
    ...(results.length > 0 && { observation: { results } }),
    ...(call && { metrics: presentMetrics(call, tokens), llm_call_count: 1, extra: presentCall(call) }),
    ...(source === 'agent' && !call && { llm_call_count: 0, is_copied_context: true as const }),
  };
}

function presentAnswer({ responseModel, requestedModel }: CallRecord, effort: string | null): Partial<Step> {
  const model = responseModel ?? requestedModel;
  return { ...(model !== null && { model_name: model }), ...(effort !== null && { reasoning_effort: effort }) };
}

export function presentMetrics({ usage, costUsd }: CallRecord, tokens: TokenData): Metrics {
  const { completion_token_ids: ids, logprobs } = tokens;
  const extra = {
    ...(usage && { cache_write_tokens: usage.cacheWriteTokens, reasoning_tokens: usage.reasoningTokens }),
    // Neither can be used for training without the other.
    ...(ids && logprobs && ids.length !== logprobs.length && { tokens_do_not_match: true }),
  };
  return {
    ...(usage && {
      prompt_tokens: usage.inputTokens,
      completion_tokens: usage.outputTokens,
      cached_tokens: usage.cachedTokens,
    }),
    ...(costUsd !== null && { cost_usd: costUsd }),
    ...tokens,
    ...(Object.keys(extra).length > 0 && { extra }),
  };
}

function presentCall({ id, stopReason, retryOf }: CallRecord): JsonObject {
  return {
    call_id: id,
    ...(stopReason !== null && { stop_reason: stopReason }),
    ...(retryOf !== null && { retry_of: retryOf }),
  };
}
