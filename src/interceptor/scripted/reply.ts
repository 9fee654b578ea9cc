import { createHash } from 'node:crypto';
import type { JsonObject } from '../../model/json.ts';
import type { OfferedTool } from './shell-tool.ts';
import type { Turn } from './turn.ts';

/** What the scripted model reads of a request. */
export interface ScriptedRequest {
  readonly model: string;
  readonly streamed: boolean;
  readonly tools: readonly OfferedTool[];
  /** Tool calls whose outputs the conversation holds. */
  readonly outputs: number;
  /** Bytes of what has been added since the request before, about. */
  readonly newBytes: number;
}

/** One answer of the scripted model, before it is put into a dialect. */
export interface Reply {
  /** Follows from the request, so that the same request gets the same ids. */
  readonly seed: string;
  readonly model: string;
  /** Epoch seconds. */
  readonly createdAt: number;
  readonly turn: Turn;
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
}

/** How one dialect is read and spoken. */
export interface ScriptedDialect<Request extends ScriptedRequest = ScriptedRequest> {
  /** Undefined for what is no request of this dialect. */
  readonly read: (body: string) => Request | undefined;
  readonly answer: (reply: Reply) => JsonObject;
  /** The pieces of a stream, as they go over the wire. */
  readonly stream: (reply: Reply, request: Request) => Iterable<string>;
}

const bytesPerToken = 4;

/** Token counts are made up from lengths, so that they look like real ones and are always the same. */
export function makeReply(request: ScriptedRequest, body: Buffer, turn: Turn, createdAt: number): Reply {
  const outputBytes = Buffer.byteLength(turn.text) + Buffer.byteLength(turn.call?.input ?? '');
  return {
    seed: createHash('sha256').update(body).digest('hex').slice(0, 24),
    model: request.model,
    createdAt,
    turn,
    inputTokens: Math.ceil(body.length / bytesPerToken),
    cachedTokens: Math.max(0, Math.floor((body.length - request.newBytes) / bytesPerToken)),
    outputTokens: Math.ceil(outputBytes / bytesPerToken),
  };
}

/** A text in the pieces in which it is streamed: words with the blanks behind them. */
export function words(text: string): string[] {
  return text.match(/\s*\S+\s*/g) ?? [];
}
