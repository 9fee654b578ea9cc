import type { Request, RequestHandler, Response } from 'express';
import { text as readText } from 'node:stream/consumers';
import { z } from 'zod';
import { HarborError, invalid } from '../model/errors.ts';
import { check } from '../model/json.ts';
import { limits } from '../model/limits.ts';
import { ProblemError } from './problems.ts';

/** The request's body; an empty one is `{}`. */
export async function bodyTextOf(request: Request): Promise<string> {
  const encoding = request.get('content-encoding');
  if (encoding !== undefined && encoding !== 'identity') {
    throw new ProblemError(415, {
      detail: `body: content-encoding ${encoding} is not supported`,
      code: 'invalid_request',
      field: 'body',
    });
  }
  const text = await readText(bounded(request));
  return text.trim() || '{}';
}

async function* bounded(request: Request): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  const chunks: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false });
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > limits.jsonBodyBytes) {
      throw new ProblemError(413, {
        detail: `body: is larger than ${limits.jsonBodyBytes} bytes`,
        code: 'too_large',
        field: 'body',
      });
    }
    yield chunk;
  }
}

/** Refuses a path that no route can take: its parts become texts of the database, which hold no NUL. */
export const readablePath: RequestHandler = (request, _response, next) => {
  if (decoded(request.path).includes('\0')) throw invalid('path', 'must not hold a NUL');
  next();
};

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (error) {
    throw new HarborError('invalid_request', 'path: is not valid percent-encoding', { field: 'path', cause: error });
  }
}

/** The query's parameters, checked. A parameter given twice is refused. */
export function queryOf<T>(request: Pick<Request, 'query'>, schema: z.ZodType<T>): T {
  for (const [name, value] of Object.entries(request.query)) {
    if (typeof value === 'string' && value.includes('\0')) throw invalid(name, 'must not hold a NUL');
  }
  return check(request.query, schema, 'query');
}

const [least, most, usual] = limits.listPage;

/** A whole number in a query, as text. */
export function wholeNumber(from: number, to: number): z.ZodType<number> {
  return (
    z
      .string('must be given once')
      .regex(/^\d{1,15}$/, 'must be a whole number')
      .transform(Number)
      .refine((value) => value >= from && value <= to, `must be from ${from} to ${to}`)
      // What the API's description says of it; zod would describe the text.
      .meta({ type: 'integer', minimum: from, maximum: to })
  );
}

export const pageQuery = {
  limit: wholeNumber(least, most).default(usual).describe('How many at most.'),
  offset: wholeNumber(0, 1e9).default(0).describe('How many to pass over.'),
};

export const flag = z
  .enum(['0', '1', 'false', 'true'], 'must be 0 or 1')
  .transform((text) => text === '1' || text === 'true');

/**
 * As {@link untilClosed}, for an answer that its caller can take up again elsewhere: `ending` cuts it, so that nobody
 * takes its end for the end of what it tells of.
 */
export function untilEnding(response: Response, ending: AbortSignal | undefined): AbortSignal {
  const gone = untilClosed(response);
  if (!ending) return gone;
  const cut = () => response.destroy();
  if (ending.aborted) cut();
  ending.addEventListener('abort', cut, { once: true });
  gone.addEventListener('abort', () => ending.removeEventListener('abort', cut), { once: true });
  return AbortSignal.any([gone, ending]);
}

/** Ends when the one who asked has hung up, which may have been before. */
export function untilClosed(response: Response): AbortSignal {
  const gone = new AbortController();
  if (response.closed) gone.abort();
  else response.once('close', () => gone.abort());
  return gone.signal;
}
