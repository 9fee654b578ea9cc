import { ActivityFailure, ApplicationFailure, isCancellation, TimeoutFailure } from '@temporalio/workflow';
import { type Failure, isFailureClass } from '../model/failures.ts';

/** What an activity threw, as the failure that its type names. */
export function failureOf(error: unknown): Failure {
  if (isCancellation(error)) return { class: 'cancelled', message: 'cancelled' };
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure && isFailureClass(cause.type)) {
    return { class: cause.type, message: cause.message };
  }
  if (cause instanceof TimeoutFailure) return { class: 'internal', message: `an activity timed out: ${cause.message}` };
  return { class: 'internal', message: cause instanceof Error ? cause.message : String(cause) };
}
