import type { Failure, FailureClass } from './failures.ts';

const marker = Symbol.for('harbor.error');

/**
 * What has to be there was `away`: it did not even take the request, which is made again without limit and counts against
 * nobody. Or it `broke-off` on the way: mostly the same, but it may be this request that it cannot take.
 */
export type Outage = 'away' | 'broke-off';

export interface HarborErrorOptions {
  readonly cause?: unknown;
  /** The request field at fault, as a path: `limits.cpu_cores`. */
  readonly field?: string | undefined;
  /** What the reader can do about it: one sentence. */
  readonly remedy?: string | undefined;
  /** Seconds after which a repeat makes sense. */
  readonly retryAfterSeconds?: number | undefined;
  /** Nothing is wrong with what was asked. */
  readonly outage?: Outage | undefined;
}

/** The base of every error that Harbor throws on purpose. Its class decides what follows: see the failure table. */
export class HarborError extends Error {
  override readonly name: string = 'HarborError';
  readonly [marker] = true;
  readonly failureClass: FailureClass;
  readonly field: string | undefined;
  readonly remedy: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly outage: Outage | undefined;

  constructor(failureClass: FailureClass, message: string, options: HarborErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.failureClass = failureClass;
    this.field = options.field;
    this.remedy = options.remedy;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.outage = options.outage;
  }

  /** Holds across copies of this module, which `instanceof` does not. */
  static isInstance(value: unknown): value is HarborError {
    return typeof value === 'object' && value !== null && marker in value;
  }
}

/** An `invalid_request` that names its field, in one line. */
export function invalid(field: string, message: string, remedy?: string): HarborError {
  return new HarborError('invalid_request', `${field}: ${message}`, { field, remedy });
}

/** The text of anything thrown, for a message that is shown to people. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What was thrown, as a failure: the class of a HarborError, else `internal`. */
export function toFailure(error: unknown): Failure {
  return HarborError.isInstance(error)
    ? { class: error.failureClass, message: error.message }
    : { class: 'internal', message: errorText(error) };
}
