/** What passes between the batch workflow and its activities. Free of zod and of Node, so that workflows may use it. */
import type { BatchStatus } from './batch.ts';
import type { FailureClass } from './failures.ts';

/** Input of the workflow type `batch`. The numbers are for tests; what is absent is usual. */
export interface BatchInput {
  readonly batchId: string;
  /** Seconds without news after which it looks what really runs. */
  readonly lookSeconds?: number;
  /** Events, and ended rollouts, after which a run hands over to the next. */
  readonly eventsPerRun?: number;
  readonly endedPerRun?: number;
}

/** Where a batch is. */
export interface BatchProgress {
  readonly status: BatchStatus;
  readonly stopReason: string | null;
  readonly planned: number;
  /** Rollouts that were started, of all that are to be, retries included. */
  readonly started: number;
  readonly total: number;
  readonly open: number;
  readonly concurrency: number;
  readonly isOver: boolean;
  /** There is room for rollouts that were not started yet. */
  readonly hasMore: boolean;
}

export interface TurnRequest {
  readonly batchId: string;
  /** Where the rollouts' workflows are started. */
  readonly taskQueue: string;
}

export type BatchChange =
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'concurrency'; readonly concurrency: number }
  | {
      readonly kind: 'retry';
      readonly selection: {
        readonly classes?: readonly FailureClass[] | undefined;
        readonly seeds?: readonly number[] | undefined;
      };
    };

export interface SteerRequest {
  readonly batchId: string;
  readonly change: BatchChange;
}
