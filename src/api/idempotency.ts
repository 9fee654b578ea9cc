import { createHash } from 'node:crypto';
import type { Request, Response } from 'express';
import { ulid } from 'ulid';
import type { z } from 'zod';
import { invalid } from '../model/errors.ts';
import { parseBody } from '../model/json.ts';
import { limits } from '../model/limits.ts';
import type { KeyedRequest } from '../store/idempotency-keys.ts';
import { organizationOf } from './auth.ts';
import type { ApiDeps } from './deps.ts';
import { bodyTextOf } from './input.ts';
import { ProblemError } from './problems.ts';

/** Stands for the hash of a body that the route does not read. */
export const ignoredBody = '';

/** The header whose value makes a POST safe to repeat. */
export const idempotencyHeader = 'Idempotency-Key';

/** Visible ASCII, as header values may be sent without any encoding. */
export const idempotencyKeyPattern = /^[!-~]+$/;

/**
 * What a POST with a key makes has an id that is fixed before anything of it is made: a repeat makes it under the same id,
 * and so finds what the first one made, however far that came before its process or its caller died. No answer is kept,
 * since each can be given again from what is stored.
 */
export interface Effect {
  readonly id: string;
  /** Notes that the request makes nothing, but joins what has this id. */
  readonly join: (id: string) => Promise<void>;
}

/**
 * The effect that a request with a key stands for; undefined where it has none. Throws `conflict` where the key was sent
 * with another request. Called when the body was received and fits its schema: a body that was cut off claims no key.
 */
export async function effectOf(
  { store }: ApiDeps,
  request: Request<{}>,
  response: Response,
  bodyHash: string,
): Promise<Effect | undefined> {
  const key = keyOf(request);
  if (key === undefined) return undefined;
  const keyed: KeyedRequest = {
    organization: organizationOf(response),
    key,
    request: `${request.method} ${request.baseUrl}${request.path}`,
    bodyHash,
  };
  const row = await store.idempotencyKeys.claim(keyed, ulid(), limits.idempotencyKeyHours);
  if (row.request !== keyed.request) throw taken(`The key ${key} was sent with ${row.request} before`);
  if (row.bodyHash !== bodyHash) throw taken(`The key ${key} was sent with another body before`);
  return { id: row.effectId, join: (id) => store.idempotencyKeys.join(keyed, id) };
}

/** The request's body, checked and as it came, with the effect that its key stands for. */
export async function keyedBodyOf<T>(
  deps: ApiDeps,
  request: Request,
  response: Response,
  schema: z.ZodType<T>,
): Promise<{ readonly body: T; readonly text: string; readonly effect: Effect | undefined }> {
  const text = await bodyTextOf(request);
  const body = parseBody(text, schema);
  const hash = createHash('sha256').update(text).digest('hex');
  return { body, text, effect: await effectOf(deps, request, response, hash) };
}

function keyOf(request: Request<{}>): string | undefined {
  const key = request.get(idempotencyHeader);
  if (key === undefined) return undefined;
  if (key.length > limits.idempotencyKeyLength || !idempotencyKeyPattern.test(key)) {
    throw invalid(
      idempotencyHeader,
      `must be 1 to ${limits.idempotencyKeyLength} visible ASCII characters without a blank`,
    );
  }
  return key;
}

function taken(detail: string): ProblemError {
  return new ProblemError(409, {
    detail: `${idempotencyHeader}: ${detail}`,
    code: 'conflict',
    field: idempotencyHeader,
    remedy: `Send a request that is another one with a key of its own. A key is kept for ${limits.idempotencyKeyHours} hours.`,
  });
}
