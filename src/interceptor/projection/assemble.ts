import type { CallRecord, CallStatus, CallUsage } from '../../model/call.ts';
import { decodeBody } from '../content-encoding.ts';
import { type AnswerFacts, type ReportedUsage, type RequestFacts, noFacts } from '../dialects/dialect.ts';
import { dialectNamed } from '../dialects/registry.ts';
import type { AnswerHead, CallClosing, CallOpening } from '../journal/records.ts';
import { priceCall } from '../prices.ts';

/** A call as its journal tells it. Times are milliseconds since it began. */
export interface JournaledCall {
  readonly opening: CallOpening;
  readonly request: RequestFacts & { readonly bytes: number };
  /** null: no answer began. */
  readonly head: (AnswerHead & { readonly ms: number }) | null;
  /** As much of the answer's body as came. */
  readonly body: Buffer;
  /** null: the interceptor died with the call open. */
  readonly closing: (CallClosing & { readonly ms: number }) | null;
}

/** What the record says beside the call itself: where its bodies are kept, and what it repeats. */
export interface CallLinks {
  readonly requestRef: string | null;
  readonly responseRef: string | null;
  readonly retryOf: string | null;
}

/** What a request says of itself. A body that cannot be read says nothing. */
export function readRequest({ dialect, contentEncoding }: CallOpening, body: Buffer): RequestFacts {
  const text = decodeBody(body, contentEncoding);
  const reader = dialectNamed(dialect)?.reader;
  return text !== undefined && reader ? reader.request(text) : { model: null, streamed: false };
}

/** The record of a call that is over. */
export function assembleCall(call: JournaledCall, links: CallLinks): CallRecord {
  const { opening, request, head, body, closing } = call;
  const streamed = head ? isEventStream(head) : request.streamed;
  const answer = head ? readAnswer(opening, head, body) : noFacts;
  const startedAt = new Date(opening.startedAt);
  return {
    id: opening.id,
    rolloutId: opening.rolloutId,
    attempt: opening.attempt,
    dialect: opening.dialect,
    method: opening.method,
    path: opening.path,
    upstream: opening.upstream,
    requestedModel: request.model,
    responseModel: answer.model,
    responseId: answer.responseId,
    streamed,
    ...outcome(closing, answer, streamed),
    httpStatus: head?.status ?? null,
    stopReason: answer.stopReason,
    usage: answer.usage && recorded(answer.usage),
    costUsd: price(call, answer, startedAt),
    requestBytes: request.bytes,
    responseBytes: body.length,
    contentType: head?.contentType ?? null,
    startedAt,
    firstByteAt: head && new Date(opening.startedAt + head.ms),
    endedAt: closing && new Date(opening.startedAt + closing.ms),
    ...links,
  };
}

function readAnswer({ dialect }: CallOpening, head: AnswerHead, body: Buffer): AnswerFacts {
  const reader = dialectNamed(dialect)?.reader;
  const text = decodeBody(body, head.contentEncoding);
  // What cannot be read does not say that something is missing either.
  if (!reader || text === undefined) return { ...noFacts, isWhole: true };
  return isEventStream(head) ? reader.stream(text) : reader.answer(text);
}

function isEventStream(head: AnswerHead): boolean {
  return head.contentType?.toLowerCase().startsWith('text/event-stream') ?? false;
}

function outcome(
  closing: CallClosing | null,
  answer: AnswerFacts,
  streamed: boolean,
): { status: CallStatus; error: string | null } {
  if (!closing) return { status: 'killed', error: 'the interceptor died with the call open' };
  // A provider may break a stream off in a way that looks like an end to HTTP.
  if (closing.status === 'ok' && streamed && !answer.isWhole) {
    return { status: 'reset', error: answer.error ?? 'the stream ended before its last event' };
  }
  return { status: closing.status, error: closing.error ?? answer.error };
}

/** What of the usage has a column. */
function recorded({ cacheWriteHourTokens: _priced, ...usage }: ReportedUsage): CallUsage {
  return usage;
}

/** The provider's name for the model is the more exact one; an unknown one may still be known by what was asked for. */
function price({ opening, request }: JournaledCall, answer: AnswerFacts, at: Date): number | null {
  if (!answer.usage) return null;
  return (
    priceCall(opening.upstream, answer.model, answer.usage, at) ??
    priceCall(opening.upstream, request.model, answer.usage, at)
  );
}
