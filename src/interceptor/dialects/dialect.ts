import type { CallUsage, Dialect } from '../../model/call.ts';
import type { JsonObject } from '../../model/json.ts';

/** Whoever sells the answers; most speak the dialect of one of these. */
export type Provider = 'openai' | 'anthropic';

/** All that Harbor has to know of a wire dialect. An adapter is one file that exports one of these, and one line in registry.ts. */
export interface DialectSpec {
  readonly name: Dialect;
  /** Whose key its calls need. */
  readonly provider: Provider;
  readonly routes: readonly DialectRoute[];
  /** An error of the interceptor's own, as clients of this dialect read it. */
  readonly errorBody: (error: RefusalError) => JsonObject;
  /** Reads what calls say. */
  readonly reader: DialectReader;
  /** Stands in every event stream that came to its end; in one that broke off it does not. */
  readonly streamEnd: RegExp;
}

export interface DialectRoute {
  /** What a client's path ends in; what comes before is the client's own matter (`/v1`, `/v1/<correlation id>`). */
  readonly ending: string;
  /** What it is called below the provider's base address. */
  readonly upstreamPath: string;
}

/** Why the interceptor refuses a request. */
export interface RefusalError {
  readonly status: number;
  /** For programs. */
  readonly code: string;
  /** For people; holds no secret. */
  readonly message: string;
}

/** Reads bodies that may be cut off or anything else: what is not found is null, and nothing throws. */
interface DialectReader {
  readonly request: (body: string) => RequestFacts;
  /** A JSON answer, also one that reports an error. */
  readonly answer: (body: string) => AnswerFacts;
  /** A stream of server-sent events. */
  readonly stream: (body: string) => AnswerFacts;
}

export interface RequestFacts {
  readonly model: string | null;
  readonly streamed: boolean;
}

/** As it is priced. */
export interface ReportedUsage extends CallUsage {
  /** Those of the tokens written into the cache that stay there for an hour: they cost more. */
  readonly cacheWriteHourTokens?: number;
}

export interface AnswerFacts {
  readonly model: string | null;
  readonly responseId: string | null;
  /** In the provider's own words. */
  readonly stopReason: string | null;
  readonly usage: ReportedUsage | null;
  /** What the provider says went wrong. */
  readonly error: string | null;
  /** Whether it ends as this dialect's answers end. */
  readonly isWhole: boolean;
}

export const noFacts: AnswerFacts = {
  model: null,
  responseId: null,
  stopReason: null,
  usage: null,
  error: null,
  isWhole: false,
};
