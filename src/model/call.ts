/** The wire dialects that the interceptor speaks. */
export type Dialect = 'openai-responses' | 'openai-chat' | 'anthropic-messages' | 'other';

/**
 * How a call ended. `ok`: a whole answer; `http_error`: the upstream answered 4xx or 5xx; `reset`: the upstream could not
 * be reached or broke off; `client_abort`: the agent hung up; `revoked`: the attempt ended meanwhile; `killed`: the
 * interceptor died with the call open; `refused`: it did not fit into a budget, and was not forwarded.
 */
export const callStatuses = ['ok', 'http_error', 'reset', 'client_abort', 'revoked', 'killed', 'refused'] as const;
export type CallStatus = (typeof callStatuses)[number];

/** Tokens of one call as the provider reported them. */
export interface CallUsage {
  /** All of the input, cached tokens with it. */
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly cacheWriteTokens: number;
  /** All of the output, reasoning with it. */
  readonly outputTokens: number;
  readonly reasoningTokens: number;
}

/** One LLM call, as the store keeps it. Bodies are blobs, byte for byte as they crossed the wire. */
export interface CallRecord {
  /** ULID, made by the interceptor before the call is forwarded. */
  readonly id: string;
  readonly rolloutId: string;
  readonly attempt: number;
  readonly dialect: Dialect;
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** `openai`, `anthropic` or `scripted`. */
  readonly upstream: string;
  readonly requestedModel: string | null;
  readonly responseModel: string | null;
  readonly responseId: string | null;
  readonly streamed: boolean;
  readonly status: CallStatus;
  readonly httpStatus: number | null;
  readonly stopReason: string | null;
  /** Id of the earlier call that this one repeats byte for byte after a failure. */
  readonly retryOf: string | null;
  readonly usage: CallUsage | null;
  /** null: the model has no known price, or the call no usage. */
  readonly costUsd: number | null;
  readonly requestRef: string | null;
  readonly requestBytes: number;
  readonly responseRef: string | null;
  readonly responseBytes: number;
  readonly contentType: string | null;
  readonly startedAt: Date;
  readonly firstByteAt: Date | null;
  readonly endedAt: Date | null;
  /** What went wrong, where something did. */
  readonly error: string | null;
}

/** A call of which no more is known yet than that it was made. */
export interface BegunCall extends Pick<CallRecord, 'id' | 'rolloutId' | 'attempt'> {
  /** As it was asked for; null where the request does not tell. */
  readonly model: string | null;
}
