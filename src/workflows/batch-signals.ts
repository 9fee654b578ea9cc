import { defineSignal } from '@temporalio/workflow';

/** A rollout of the batch has ended: there may be room for the next. */
export const rolloutEnded = defineSignal('rolloutEnded');

/** The batch's row has changed: it is paused, goes on, has another concurrency, or more to do. */
export const steered = defineSignal('steered');
