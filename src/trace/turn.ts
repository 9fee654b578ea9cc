import type { Json } from '../model/json.ts';
import { chatTurn } from './chat-turn.ts';
import { messagesTurn } from './messages-turn.ts';
import { responsesTurn } from './responses-turn.ts';

/** What one LLM call was about, whatever its dialect. */
export interface Turn {
  /** All that the request tells, in its order. */
  readonly conversation: readonly Told[];
  readonly answered: readonly Answered[];
}

/** `said`: by the model itself, in an earlier turn. */
export type Told = Given | { readonly kind: 'said'; readonly answer: Answered };

export type Given =
  | { readonly kind: 'message'; readonly role: string; readonly text: string }
  /** Of the tool call of that id. */
  | { readonly kind: 'result'; readonly callId: string; readonly text: string };

export type Answered =
  | { readonly kind: 'text'; readonly text: string }
  /** As far as the provider shows it. */
  | { readonly kind: 'thought'; readonly text: string }
  | { readonly kind: 'tool'; readonly callId: string; readonly name: string; readonly input: string };

export interface RecordedCall {
  readonly dialect: string;
  /** Bodies as JSON; null where they are none. A stream is given as the answer that it amounts to. */
  readonly request: Json | null;
  readonly response: Json | null;
}

/** Reads a recorded call. What is not understood, such as a body that was cut off, is left out. */
export function readTurn(call: RecordedCall): Turn {
  if (call.dialect === 'openai-responses') return responsesTurn(call.request, call.response);
  if (call.dialect === 'openai-chat') return chatTurn(call.request, call.response);
  if (call.dialect === 'anthropic-messages') return messagesTurn(call.request, call.response);
  return { conversation: [], answered: [] };
}

/** What the model was told by others. */
export function givenIn({ conversation }: Turn): Given[] {
  return conversation.filter((told) => told.kind !== 'said');
}

export function asSaid(answers: readonly Answered[]): Told[] {
  return answers.map((answer) => ({ kind: 'said', answer }));
}
