import type { Json } from '../model/json.ts';
import { chatTurn } from './chat-turn.ts';
import { messagesTurn } from './messages-turn.ts';
import { responsesTurn } from './responses-turn.ts';
import type { Turn } from './turn.ts';

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
