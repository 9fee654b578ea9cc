import type { ServerResponse } from 'node:http';
import type { DialectSpec, Provider, RefusalError } from './dialects/dialect.ts';
import type { OpenCall } from './open-calls.ts';
import { maxBodyBytes } from './request-body.ts';

/** Answers in the interceptor's own name, in the error form of the client's dialect. */
export function refuse(response: ServerResponse, dialect: DialectSpec | undefined, error: RefusalError): void {
  if (response.headersSent || response.destroyed) return;
  sendJson(
    response,
    error.status,
    dialect?.errorBody(error) ?? { error: { code: error.code, message: error.message } },
  );
}

/** As {@link refuse}, for a call whose record has begun: the answer goes into it. */
export function recordRefusal(
  response: ServerResponse,
  dialect: DialectSpec,
  error: RefusalError,
  call: OpenCall,
): void {
  call.log.head({ status: error.status, contentType: 'application/json', contentEncoding: null });
  call.log.chunk(Buffer.from(JSON.stringify(dialect.errorBody(error))));
  call.breakOff('refused', error.message);
  refuse(response, dialect, error);
}

export function sendJson(response: ServerResponse, status: number, body: object): void {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length });
  response.end(response.req.method === 'HEAD' ? undefined : bytes);
}

export function notFound(method: string, path: string): RefusalError {
  return { status: 404, code: 'not_found', message: `There is no ${method} ${path} here.` };
}

/** Agents that would rather speak over a WebSocket go on with plain HTTP. */
export const noWebSocket: RefusalError = {
  status: 426,
  code: 'upgrade_refused',
  message: 'No WebSockets here: send a POST.',
};

export const notAlive: RefusalError = {
  status: 401,
  code: 'invalid_api_key',
  message: 'This key belongs to no attempt that is running now.',
};

/** Agents come again after it, where a 401 would end them. */
export const notSure: RefusalError = {
  status: 503,
  code: 'grants_unavailable',
  message: 'Whether this key may be used cannot be told at the moment. Try again.',
};

export function unserved(provider: Provider): RefusalError {
  const message = `The interceptor has no ${provider} key: set ${provider.toUpperCase()}_API_KEY where Harbor is started.`;
  return { status: 400, code: 'provider_not_available', message };
}

export const tooLarge: RefusalError = {
  status: 413,
  code: 'request_too_large',
  message: `A request's body may have at most ${maxBodyBytes / 1024 / 1024} MiB.`,
};

export function wrongModel(allowed: readonly string[], asked: string | null): RefusalError {
  const message = `This attempt may ask for ${allowed.join(', ')}, not for ${asked ?? 'a request that names no model'}.`;
  return { status: 400, code: 'model_not_allowed', message };
}

export function noSuchModel(id: string): RefusalError {
  return { status: 404, code: 'model_not_found', message: `There is no model ${id} for this attempt.` };
}

/** The status at which the clients of a dialect give up soonest, without a repeat: see docs/budgets.md. */
export function budgetExhausted({ provider }: Pick<DialectSpec, 'provider'>, message: string): RefusalError {
  return { status: provider === 'anthropic' ? 403 : 400, code: 'budget_exhausted', message };
}

export const notRecorded: RefusalError = {
  status: 503,
  code: 'journal_unavailable',
  message: 'The record of the call could not be written, so it was not forwarded.',
};

export const ownFault: RefusalError = {
  status: 500,
  code: 'internal',
  message: 'The interceptor failed at this request.',
};
