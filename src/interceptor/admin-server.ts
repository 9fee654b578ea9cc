import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { z } from 'zod';
import { HarborError, toFailure } from '../model/errors.ts';
import { grantSchema } from '../model/grant.ts';
import { type JsonObject, parseJson } from '../model/json.ts';
import { attemptOfPath } from './attempt-path.ts';
import type { Budgets } from './budgets/budgets.ts';
import type { GrantBook } from './grants.ts';
import { readToken } from './headers.ts';
import type { Journal } from './journal/journal.ts';
import type { Lease } from './lease.ts';
import type { OpenCalls } from './open-calls.ts';
import { sendJson } from './refusals.ts';
import { readBody } from './request-body.ts';
import { type AttemptRef, adminToken, sameText } from './tokens.ts';

export interface AdminParts {
  readonly installationSecret: string;
  readonly grants: GrantBook;
  readonly journal: Journal;
  readonly calls: OpenCalls;
  readonly lease: Lease;
  readonly budgets: Budgets;
  readonly onError: (error: HarborError) => void;
  /** Takes nothing new from here on. */
  readonly drain: () => void;
  /** For whoever asks how it is. */
  readonly describe: () => JsonObject;
}

interface Answer {
  readonly status: number;
  readonly body: JsonObject;
}

/** What the workers of this machine, or its supervisor, talk to: grants, revocations, health, drain. */
export function adminListener(parts: AdminParts): RequestListener {
  return (request, response) => {
    answer(parts, request).then(
      ({ status, body }) => sendJson(response, status, body),
      (error: unknown) => fail(parts, response, error),
    );
  };
}

async function answer(parts: AdminParts, request: IncomingMessage): Promise<Answer> {
  const { method = '', url = '' } = request;
  if (!sameText(readToken(request.headers) ?? '', adminToken(parts.installationSecret))) {
    return { status: 401, body: { detail: 'This is not the admin key of this installation.' } };
  }
  if (method === 'GET' && url === '/healthz') return { status: 200, body: parts.describe() };
  if (method === 'PUT' && url === '/grants') return putGrant(parts, request);
  if (method === 'PUT' && url === '/drain') {
    parts.drain();
    return { status: 200, body: parts.describe() };
  }
  if (method === 'PUT' && url === '/lease') return renewLease(parts, request);
  if (method === 'PUT' && url === '/budgets/wanted') return giveBack(parts, request);
  const attempt = method === 'DELETE' ? attemptOfPath(url) : undefined;
  if (attempt) return revoke(parts, attempt);
  return { status: 404, body: { detail: `There is no ${method} ${url} here.` } };
}

async function putGrant({ grants }: AdminParts, request: IncomingMessage): Promise<Answer> {
  const body = await readBody(request);
  if (!Buffer.isBuffer(body)) return { status: 400, body: { detail: 'The grant did not arrive whole.' } };
  const grant = parseJson(body.toString('utf8'), grantSchema, 'grant');
  await grants.grant(grant);
  if (grants.isRevoked(grant)) return { status: 409, body: { detail: 'The attempt was revoked; that is for ever.' } };
  return { status: 200, body: {} };
}

const renewalSchema = z.object({ untilMs: z.number() });

async function renewLease({ lease }: AdminParts, request: IncomingMessage): Promise<Answer> {
  const body = await readBody(request);
  if (!Buffer.isBuffer(body)) return { status: 400, body: { detail: 'The renewal did not arrive whole.' } };
  lease.renew(parseJson(body.toString('utf8'), renewalSchema, 'renewal').untilMs);
  return { status: 200, body: {} };
}

const wantedSchema = z.object({ budgets: z.array(z.string()) });

/** Answers before it is done: whoever waits for it sees it in the store. */
async function giveBack({ budgets }: AdminParts, request: IncomingMessage): Promise<Answer> {
  const body = await readBody(request);
  if (!Buffer.isBuffer(body)) return { status: 400, body: { detail: 'The wish did not arrive whole.' } };
  budgets.wantedBack(parseJson(body.toString('utf8'), wantedSchema, 'wanted').budgets);
  return { status: 200, body: {} };
}

async function revoke({ grants, calls, journal }: AdminParts, attempt: AttemptRef): Promise<Answer> {
  const revoked = grants.revoke(attempt);
  calls.cutAttempt(attempt);
  // All in one breath: no call of the attempt can begin in between, nor later.
  const place = journal.place;
  await Promise.all([revoked, journal.flush()]);
  return { status: 200, body: { ...place } };
}

function fail({ onError }: AdminParts, response: ServerResponse, error: unknown): void {
  const failure = toFailure(error);
  const status = failure.class === 'invalid_request' ? 400 : 500;
  if (status === 500)
    onError(HarborError.isInstance(error) ? error : new HarborError('internal', failure.message, { cause: error }));
  sendJson(response, status, { detail: failure.message });
}
