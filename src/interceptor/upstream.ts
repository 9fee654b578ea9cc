import type { Readable } from 'node:stream';
import type { Dialect } from '../model/call.ts';
import type { Grant } from '../model/grant.ts';
import type { Provider } from './dialects/dialect.ts';
import type { RawHeaders } from './headers.ts';

/** Whoever answers LLM calls: a provider over HTTP, or the scripted model. */
export interface Upstream {
  readonly name: Provider | 'scripted';
  send(request: UpstreamRequest): SentRequest;
  /** Lets go of idle connections. */
  close(): void;
}

export interface UpstreamRequest {
  readonly dialect: Dialect;
  readonly method: string;
  /** Below the upstream's base address, with the query. */
  readonly path: string;
  /** Without credentials. */
  readonly headers: RawHeaders;
  readonly body: Buffer;
  readonly grant: Grant;
}

/** A request that is under way. */
export interface SentRequest {
  /** Rejects where no answer began. */
  readonly answer: Promise<UpstreamAnswer>;
  /** Ends it, and its answer if there is one already. */
  readonly cancel: () => void;
}

export interface UpstreamAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: RawHeaders;
  /** Ends only when it was all there, else with an error. */
  readonly body: Readable;
}
