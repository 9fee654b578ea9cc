import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { CallRecord } from '../../model/call.ts';
import type { Json, JsonObject } from '../../model/json.ts';
import { readTurn } from '../read-turn.ts';
import { type Told, type Turn, givenIn } from '../turn.ts';
import { isEmpty, tokenData } from './token-data.ts';
import { toolDefinitions } from './tool-definitions.ts';

/** Bodies as JSON; a stream as the answer that it amounts to. */
export interface CallBodies {
  readonly request: Json | null;
  readonly response: Json | null;
}

/** What of a call goes into a trajectory. Its bodies are let go of: each request repeats the whole conversation. */
export interface ReadCall {
  readonly record: CallRecord;
  readonly turn: Turn;
  /** Keys of what others told the model, in order. */
  readonly given: readonly string[];
  /** The model answered, and its answer is part of the conversation. */
  readonly isAnswered: boolean;
  readonly tools: readonly JsonObject[];
  readonly effort: string | null;
  /** The answer that the request goes on from, where it does not repeat the conversation before it. */
  readonly continues: string | null;
  readonly hasTokenData: boolean;
}

const text = z.string().nullish().catch(null);
const effortOf = z.object({ effort: text }).nullish().catch(null);
const requestSchema = z.object({
  previous_response_id: text,
  /** Where the three dialects have it. */
  reasoning: effortOf,
  reasoning_effort: text,
  output_config: effortOf,
});

export function readCall(record: CallRecord, bodies: CallBodies): ReadCall {
  const turn = readTurn({ dialect: record.dialect, ...bodies });
  const { data } = requestSchema.safeParse(bodies.request);
  return {
    record,
    turn,
    given: givenIn(turn).map(toldKey),
    // One that says nothing and costs nothing is no answer to a conversation, such as a count of tokens.
    isAnswered: record.status === 'ok' && record.error === null && (turn.answered.length > 0 || record.usage !== null),
    tools: toolDefinitions(bodies.request),
    effort: data?.reasoning?.effort ?? data?.reasoning_effort ?? data?.output_config?.effort ?? null,
    continues: data?.previous_response_id ?? null,
    hasTokenData: !isEmpty(tokenData(bodies.response)),
  };
}

/**
 * Tells pieces of a conversation apart, and is all that is kept to know them again. The model's own words come back to it
 * with other blanks around them, and the input of its tools written otherwise.
 */
export function toldKey(told: Told): string {
  return createHash('sha1')
    .update(JSON.stringify(identity(told)))
    .digest('base64');
}

function identity(told: Told): Json {
  if (told.kind === 'message') return [told.kind, told.role, told.text];
  if (told.kind === 'result') return [told.kind, told.callId, told.text];
  const { answer } = told;
  if (answer.kind !== 'tool') return ['said', answer.kind, answer.text.trim()];
  return ['said', 'tool', answer.callId, answer.callId === '' ? [answer.name, answer.input] : null];
}
