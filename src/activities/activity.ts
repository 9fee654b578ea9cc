import { ApplicationFailure, Context } from '@temporalio/activity';
import { CancelledFailure } from '@temporalio/common';
import { HarborError, toFailure } from '../model/errors.ts';
import { isOutage } from '../model/outage.ts';
import { isShutdown } from './standing.ts';

/**
 * Internal faults are tried this often at the same place before the workflow decides. A database or an engine that is away
 * is none of them: it is waited for, however long that takes.
 */
const internalTries = 5;

/** Seconds between looks of an activity that waits for a place, by how many wait before it. */
const capacityDelay = (ahead: number): string => `${Math.min(30, 0.5 + 0.25 * ahead)} seconds`;

/** Beats come from a timer, so that a silent agent, a slow build or a long upload is never taken for a dead worker. */
const beatMilliseconds = 1000;

export interface ActivityScope {
  /** Aborted when the workflow cancels, and when the work goes on elsewhere: see `hasToStop`. */
  readonly signal: AbortSignal;
  /** The workflow run on whose behalf this happens. */
  readonly workflowRunId: string;
  readonly workflowId: string;
  /** Which activity of the workflow, and which try of it, from 1. */
  readonly activityId: string;
  readonly activityTry: number;
  /** When this try was due, by Temporal's clock. */
  readonly scheduledAt: Date;
  /** Where this worker gets its work. */
  readonly taskQueue: string;
  /** Shown in the Temporal UI while it runs. */
  readonly report: (details: string) => void;
}

export interface ActivityOptions {
  /** Must come to its end: no failure of it is final. For what closes and cleans up. */
  readonly persistent?: boolean;
}

/**
 * Makes an activity of a function: a heartbeat by timer from its first line, failures that carry their class as type,
 * and the difference between being cancelled and being detached from by a worker that shuts down.
 */
export function activity<Input, Output>(
  work: (input: Input, scope: ActivityScope) => Promise<Output>,
  { persistent = false }: ActivityOptions = {},
): (input: Input) => Promise<Output> {
  return async (input) => {
    const context = Context.current();
    const { workflowExecution, activityId, attempt, taskQueue, currentAttemptScheduledTimestampMs } = context.info;
    let details = '';
    const beat = () => context.heartbeat(details);
    const timer = setInterval(beat, beatMilliseconds);
    try {
      return await work(input, {
        signal: context.cancellationSignal,
        workflowRunId: workflowExecution?.runId ?? '',
        workflowId: workflowExecution?.workflowId ?? '',
        activityId,
        activityTry: attempt,
        scheduledAt: new Date(currentAttemptScheduledTimestampMs),
        taskQueue,
        report: (text) => {
          details = text;
        },
      });
    } catch (error) {
      throw toTemporal(error, context.cancellationSignal, isTriedAgain(error, attempt, persistent));
    } finally {
      clearInterval(timer);
    }
  };
}

/** Another try is due at a time that the activity knows best. */
export class NoPlace extends Error {
  readonly ahead: number;
  constructor(ahead: number) {
    super(`all places for running rollouts are taken; ${ahead} wait before this one`);
    this.ahead = ahead;
  }
}

/** Whether something that has to be there is away. Downloads have failures and tries of their own. */
export function isAway(error: unknown): boolean {
  return HarborError.isInstance(error) ? error.outage !== undefined : isOutage(error);
}

function isTriedAgain(error: unknown, attempt: number, persistent: boolean): boolean {
  const isBrokenOff = HarborError.isInstance(error) && error.outage === 'broke-off';
  if (persistent || (isAway(error) && !isBrokenOff)) return true;
  const { class: failure } = toFailure(error);
  return attempt < internalTries && (isBrokenOff || failure === 'internal' || failure === 'capacity');
}

function toTemporal(error: unknown, signal: AbortSignal, isAgain: boolean): Error {
  if (isShutdown(signal)) {
    return ApplicationFailure.create({
      type: 'worker_shutdown',
      message: 'the worker shuts down',
      nonRetryable: false,
    });
  }
  if (signal.aborted) return new CancelledFailure('cancelled');
  if (error instanceof NoPlace) {
    return ApplicationFailure.create({
      type: 'capacity',
      message: error.message,
      nonRetryable: false,
      nextRetryDelay: capacityDelay(error.ahead),
    });
  }
  const failure = toFailure(error);
  if (HarborError.isInstance(error) && error.failureClass === 'capacity' && error.retryAfterSeconds !== undefined) {
    return ApplicationFailure.create({
      type: failure.class,
      message: failure.message,
      nonRetryable: false,
      nextRetryDelay: `${Math.max(1, error.retryAfterSeconds)} seconds`,
      cause: error,
    });
  }
  return ApplicationFailure.create({
    type: failure.class,
    message: failure.message,
    nonRetryable: !isAgain,
    cause: error instanceof Error ? error : undefined,
  });
}
