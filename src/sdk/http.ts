import type { z } from 'zod';
import { HarborError, errorText } from '../model/errors.ts';
import { tryParseJson } from '../model/json.ts';
import { socketCodes } from '../model/outage.ts';
import { problemSchema } from '../model/responses.ts';
import { ApiError, UnreachableError } from './errors.ts';

export interface HttpOptions {
  /**
   * The server's base address; a path in it stays in front of every route. A function is asked before each request, for a
   * server that may come back at another address.
   */
  readonly url: string | (() => Promise<string>);
  readonly apiKey: string;
  readonly fetch?: typeof fetch | undefined;
}

interface HttpRequest {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>> | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Makes it a POST: pieces of a JSON text, or a value that is sent as JSON. */
  readonly body?: { readonly pieces: AsyncIterable<Uint8Array> } | { readonly value: unknown };
  readonly signal?: AbortSignal | undefined;
}

/** Paths and values in, checked answers out. Throws ApiError, UnreachableError, or the reason of an aborted signal. */
export interface Http {
  json<T>(path: string, schema: z.ZodType<T>, request?: HttpRequest): Promise<T>;
  /** An answer's bytes as they come. */
  bytes(path: string, request?: HttpRequest): AsyncGenerator<Uint8Array>;
}

export function createHttp({ url, apiKey, fetch: send = fetch }: HttpOptions): Http {
  const ask = async (path: string, request: HttpRequest): Promise<{ server: string; answer: Response }> => {
    const address = addressOf(typeof url === 'string' ? url : await url(), path, request);
    const server = URL.canParse(address) ? new URL(address).origin : address;
    const answer = await unlessCut(server, request.signal, () => send(address, initOf(request)));
    if (answer.ok) return { server, answer };
    throw refusal(answer, await unlessCut(server, request.signal, () => answer.text()));
  };

  const initOf = ({ headers, body, signal }: HttpRequest): RequestInit => ({
    method: body ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${apiKey}`, ...(body && { 'content-type': 'application/json' }), ...headers },
    ...(body && ('pieces' in body ? streamed(body.pieces) : { body: JSON.stringify(body.value) })),
    ...(signal && { signal }),
  });

  return {
    async json(path, schema, request = {}) {
      const { server, answer } = await ask(path, request);
      const text = await unlessCut(server, request.signal, () => answer.text());
      const value = tryParseJson(text, schema);
      if (value !== undefined) return value;
      throw new HarborError('internal', `${server} answers ${path} otherwise than a Harbor server does`, {
        remedy: 'Check the address; if it is right, server and client are of different versions.',
      });
    },

    async *bytes(path, request = {}) {
      const { server, answer } = await ask(path, request);
      if (!answer.body) return;
      const reader = answer.body.getReader();
      try {
        for (;;) {
          const { done, value } = await unlessCut(server, request.signal, () => reader.read());
          if (done) return;
          yield value;
        }
      } finally {
        await reader.cancel().catch(() => undefined);
      }
    },
  };
}

function addressOf(base: string, path: string, { query = {} }: HttpRequest): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value));
  return `${base.replace(/\/+$/, '')}${path}${parameters.size > 0 ? `?${parameters.toString()}` : ''}`;
}

/** fetch would otherwise keep a copy of all that it sends, in case it is told to send it elsewhere. */
const sentOnce: RequestInit = { redirect: 'error' };

function streamed(pieces: AsyncIterable<Uint8Array>): RequestInit {
  return { ...sentOnce, body: ReadableStream.from(pieces), duplex: 'half' };
}

function refusal(answer: Response, text: string): ApiError {
  const after = Number(answer.headers.get('retry-after'));
  const problem = tryParseJson(text, problemSchema) ?? {
    detail: `${answer.status} ${answer.statusText}: ${text.trim().slice(0, 200) || 'no more was said'}`,
    code: 'unknown',
  };
  return new ApiError(answer.status, problem, after > 0 ? after : undefined);
}

/** What a connection that cannot be made, or that is cut, looks like: codes of the system and of Node's fetch (undici). */
const cuts = new Set<string>([
  ...socketCodes,
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
]);

/** fetch reports all trouble with the connection as a TypeError, with what happened in its cause. */
async function unlessCut<T>(server: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (signal?.aborted || HarborError.isInstance(error) || !(error instanceof TypeError)) throw error;
    const code = codeOf(error.cause);
    if (HarborError.isInstance(error.cause)) throw error.cause;
    throw new UnreachableError(server, code ?? errorText(error.cause ?? error), cuts.has(code ?? ''), error);
  }
}

function codeOf(cause: unknown): string | undefined {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;
}
