import type { CallRecord } from '../../src/model/call.ts';

let calls = 0;

/** A call as the projector saves it, later than those before it. */
export function callRecord(rolloutId: string, more: Partial<CallRecord> = {}): CallRecord {
  calls += 1;
  const startedAt = new Date(Date.UTC(2026, 0, 1) + calls * 1000);
  return {
    id: `call-${String(calls).padStart(6, '0')}`,
    rolloutId,
    attempt: 1,
    dialect: 'openai-chat',
    method: 'POST',
    path: '/v1/chat/completions',
    upstream: 'openai',
    requestedModel: 'gpt-5-mini',
    responseModel: 'gpt-5-mini-2026',
    responseId: `answer-${calls}`,
    streamed: false,
    status: 'ok',
    httpStatus: 200,
    stopReason: 'stop',
    retryOf: null,
    usage: { inputTokens: 10, cachedTokens: 4, cacheWriteTokens: 3, outputTokens: 5, reasoningTokens: 2 },
    costUsd: 0.25,
    requestRef: null,
    requestBytes: 0,
    responseRef: null,
    responseBytes: 0,
    contentType: 'application/json',
    startedAt,
    firstByteAt: new Date(startedAt.getTime() + 200),
    endedAt: new Date(startedAt.getTime() + 900),
    error: null,
    ...more,
  };
}
