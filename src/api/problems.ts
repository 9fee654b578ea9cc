import { randomUUID } from 'node:crypto';
import type { ErrorRequestHandler, Response } from 'express';
import type { Logger } from 'pino';
import { HarborError } from '../model/errors.ts';
import { failures } from '../model/failures.ts';
import { isOutage } from '../model/outage.ts';
import type { Problem } from '../model/responses.ts';

/** An answer other than success, thrown from anywhere below a route. */
export class ProblemError extends Error {
  readonly status: number;
  readonly body: Problem;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, body: Problem, headers: Readonly<Record<string, string>> = {}) {
    super(body.detail);
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

/** The existing client takes any text with the number of this status for a deployment that is missing: no text has it. */
export function notFound(what: string): ProblemError {
  return new ProblemError(404, { detail: `${what} was not found`, code: 'not_found' });
}

export function conflict(detail: string, remedy: string): ProblemError {
  return new ProblemError(409, { detail, code: 'conflict', remedy });
}

const unavailableStatus = 503;

/** A part that has to be there is away for the moment. */
export function unavailable(detail: string): ProblemError {
  return new ProblemError(
    unavailableStatus,
    { detail, code: 'unavailable', remedy: 'Try again in a moment.' },
    { 'retry-after': '2' },
  );
}

/** Turns whatever a route threw into the one form that errors have. What is nobody's mistake but ours is logged. */
export function problemHandler(logger: Logger): ErrorRequestHandler {
  // Express takes a handler for one of errors by its four parameters.
  return (error: unknown, request, response, _next) => {
    const what = { err: error, method: request.method, path: request.path };
    if (response.closed) {
      logger.info(what, 'a request ended without its caller, who had hung up');
      return;
    }
    // What is left of a body that was refused half-way: unread, it would break the connection before the answer is read.
    request.resume();
    const problem = toProblem(error) ?? outage(error);
    if (problem && !response.headersSent) {
      if (problem.status === unavailableStatus) logger.warn(what, 'a part that a request needs is away');
      send(response, problem);
      return;
    }
    // Without a zero it cannot hold the number that notFound is about.
    const id = randomUUID().replaceAll('0', 'x');
    logger.error({ ...what, id }, 'a request failed');
    if (response.headersSent) {
      // Cut off, so that nobody takes what came for the whole.
      response.destroy();
      return;
    }
    const detail = `Harbor failed to answer; its log has the reason under ${id}`;
    send(response, new ProblemError(500, { detail, code: 'internal' }));
  };
}

function toProblem(error: unknown): ProblemError | undefined {
  if (error instanceof ProblemError) return error;
  return HarborError.isInstance(error) && error.failureClass !== 'internal' ? fromHarborError(error) : undefined;
}

/** The store is asked by every route. What the request was to do may have been done: only its caller can look. */
function outage(error: unknown): ProblemError | undefined {
  return isOutage(error) ? unavailable('A part of Harbor is away for the moment') : undefined;
}

function fromHarborError({ failureClass, message, field, remedy, retryAfterSeconds }: HarborError): ProblemError {
  return new ProblemError(
    failures[failureClass].httpStatus,
    { detail: message, code: failureClass, ...(field && { field }), ...(remedy && { remedy }) },
    retryAfterSeconds === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterSeconds)) },
  );
}

function send(response: Response, { status, body, headers }: ProblemError): void {
  response.status(status).set(headers).json(body);
}
