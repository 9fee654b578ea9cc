import { HarborError } from '../model/errors.ts';
import { type FailureClass, isFailureClass } from '../model/failures.ts';
import type { Problem } from '../model/responses.ts';

/** The server refused or failed: its own words, and what to do. */
export class ApiError extends HarborError {
  override readonly name = 'ApiError';
  /** HTTP status. */
  readonly status: number;
  /** A failure class, or `not_found`, `conflict`, `unauthorized`, `too_large`; `unknown` where the answer names none. */
  readonly code: string;
  /** Of a rollout that ended without a reward. */
  readonly rolloutId: string | undefined;

  constructor(status: number, problem: Problem, retryAfterSeconds?: number) {
    super(failureClassOf(status, problem.code), problem.detail, {
      field: problem.field,
      remedy: problem.remedy ?? remedies[status],
      retryAfterSeconds,
    });
    this.status = status;
    this.code = problem.code;
    this.rolloutId = problem.rollout_id;
  }
}

/** No answer, or one that broke off. It says nothing about what the server did with the request. */
export class UnreachableError extends HarborError {
  override readonly name = 'UnreachableError';
  /** Whether the server may be back in a moment, as after a restart; false for a host name that does not exist. */
  readonly transient: boolean;

  constructor(server: string, why: string, transient: boolean, cause: unknown) {
    super('internal', `no answer from ${server} (${why})`, {
      cause,
      remedy: 'Make sure that the server runs there; `harbor up` starts one on this machine.',
    });
    this.transient = transient;
  }
}

/** A restart, a proxy without its server, a cut line: worth waiting out. */
export function isOutage(error: unknown): boolean {
  if (error instanceof UnreachableError) return error.transient;
  return error instanceof ApiError && [502, 503, 504].includes(error.status);
}

function failureClassOf(status: number, code: string): FailureClass {
  if (isFailureClass(code)) return code;
  return status < 500 ? 'invalid_request' : 'internal';
}

const remedies: Readonly<Record<number, string>> = {
  401: 'Give the right key with --api-key or HARBOR_API_KEY; a local server keeps its first one in <data folder>/api-key.',
  404: '`harbor list` shows the deployments, `harbor rollout list` the rollouts.',
};
