import { ApplicationFailure, defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { BatchChange, BatchProgress } from '../model/batch-stages.ts';
import { limits } from '../model/limits.ts';

/** A rollout of the batch has ended: there may be room for the next. */
export const rolloutEnded = defineSignal('rolloutEnded');

/** The batch's row has changed: it is paused, goes on, has another concurrency, or more to do. */
export const steered = defineSignal('steered');

/** What the last look came to; null before the first. */
export const progressOf = defineQuery<BatchProgress | null>('progress');

export const pause = defineUpdate<BatchProgress>('pause');
export const resume = defineUpdate<BatchProgress>('resume');
export const cancel = defineUpdate<BatchProgress>('cancel');
export const setConcurrency = defineUpdate<BatchProgress, [number]>('setConcurrency');
export const retry = defineUpdate<BatchProgress, [(BatchChange & { kind: 'retry' })['selection']]>('retry');

/** Refuses an Update before it is in the history. Anybody who reaches Temporal may send one, with anything in it. */
export function checkConcurrency(concurrency: unknown): void {
  const [least, most] = limits.batchConcurrency;
  if (Number.isInteger(concurrency) && Number(concurrency) >= least && Number(concurrency) <= most) return;
  throw ApplicationFailure.nonRetryable(
    `concurrency: ${String(concurrency)} is no whole number from ${least} to ${most}`,
    'invalid_request',
  );
}
