import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  log,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import type { BatchChange, BatchInput, BatchProgress } from '../model/batch-stages.ts';
import {
  cancel,
  checkConcurrency,
  pause,
  progressOf,
  resume,
  retry,
  rolloutEnded,
  setConcurrency,
  steered,
} from './batch-messages.ts';
import { failureOf } from './failure-of.ts';
import { searchAttributes } from './search-attributes.ts';
import { seenToItsEnd } from './seen-to-its-end.ts';

/**
 * Beside the workflow task that asks for it: one event instead of six. Given up after a while, since a task that is held open adds
 * events all the time: what is away for hours must not fill the history.
 */
const { turnBatch, steerBatch } = proxyLocalActivities<Activities>({
  startToCloseTimeout: '1 minute',
  scheduleToCloseTimeout: '1 minute',
  retry: { initialInterval: '200 milliseconds', maximumInterval: '10 seconds' },
});

const { reconcileBatch } = proxyActivities<Activities>({
  ...seenToItsEnd,
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '30 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
});

/** After a look that failed. Its own tries took up to a minute already. */
const pauseAfterFailure = '10 seconds';

/**
 * Keeps as many rollouts of a batch running as it may have. The store knows which of them are open: this looks again whenever one
 * of them says that it has ended, or somebody steered, and each minute also at what really runs. So no signal has to arrive,
 * nothing has to be carried from run to run, and a rollout that vanished gives its room back with the next look around. A cancel
 * of this workflow cancels the batch.
 */
export async function batch(input: BatchInput): Promise<void> {
  const { batchId, lookSeconds = 60, eventsPerRun = 2000, endedPerRun = 250 } = input;
  let progress: BatchProgress | null = null;
  let isNews = true;
  let isTimeToLook = true;
  let hasAnswered = false;
  let ended = 0;
  setHandler(rolloutEnded, () => {
    ended += 1;
    isNews = true;
  });
  setHandler(steered, () => {
    isNews = true;
  });
  const steer = async (change: BatchChange): Promise<BatchProgress> => {
    try {
      return await CancellationScope.nonCancellable(() => steerBatch({ batchId, change }));
    } finally {
      isNews = true;
      hasAnswered = true;
    }
  };
  setHandler(progressOf, () => progress);
  setHandler(pause, () => steer({ kind: 'pause' }));
  setHandler(resume, () => steer({ kind: 'resume' }));
  setHandler(cancel, () => steer({ kind: 'cancel' }));
  setHandler(setConcurrency, (concurrency) => steer({ kind: 'concurrency', concurrency }), {
    validator: checkConcurrency,
  });
  setHandler(retry, (selection) => steer({ kind: 'retry', selection }));
  let isCancelAsked = false;
  CancellationScope.current().cancelRequested.catch(() => {
    isCancelAsked = true;
  });

  const look = async (): Promise<BatchProgress> => {
    if (isTimeToLook) {
      // What a worker left half-way, an earlier run did not see, or nobody told.
      await reconcileBatch.executeWithOptions({ summary: 'Look what really runs' }, [{ batchId }]);
      isTimeToLook = false;
      // One timer for all that happens meanwhile, instead of one after each event.
      void sleep(lookSeconds * 1000, { summary: 'Until the next look' }).then(() => (isTimeToLook = true));
    }
    if (isCancelAsked) await steer({ kind: 'cancel' });
    isCancelAsked = false;
    isNews = false;
    return turnBatch({ batchId, taskQueue: workflowInfo().taskQueue });
  };
  /**
   * A run may end only in a task that answers no Update. Where news comes meanwhile the server refuses such a task, and fails the
   * Updates that were answered with it, though what they asked for is done. A timer begins another task.
   */
  const answersAreOut = async (): Promise<void> => {
    while (hasAnswered || !allHandlersFinished()) {
      await condition(allHandlersFinished);
      hasAnswered = false;
      await sleep(1, { summary: 'Until answers are out' });
    }
  };
  const carryOut = async (): Promise<BatchProgress> => {
    for (;;) {
      try {
        progress = await look();
        show(progress);
        if (progress.isOver && !isNews) {
          await answersAreOut();
          if (!isNews) return progress;
        }
        // Where not all that may start was started at once, more follows without a wait.
        if (!progress.hasMore) await condition(() => isNews || isTimeToLook || isCancelAsked);
      } catch (error) {
        const failure = failureOf(error);
        if (failure.class === 'invalid_request') throw error;
        log.warn('a look at a batch failed', { batchId, failure });
        setCurrentDetails(`No look could be taken, and another follows. \`${failure.class}\`: ${failure.message}`);
        await sleep(pauseAfterFailure, { summary: `Pause after ${failure.class}` });
      }
      // Right after a wait: the server takes a hand-over only where no news has come since its task began.
      if (workflowInfo().historyLength > eventsPerRun || ended >= endedPerRun) {
        await answersAreOut();
        await continueAsNew<typeof batch>(input);
      }
    }
  };

  upsertSearchAttributes([{ key: searchAttributes.batch, value: batchId }]);
  const { status } = await CancellationScope.nonCancellable(carryOut);
  upsertSearchAttributes([{ key: searchAttributes.status, value: status }]);
}

function show({ status, stopReason, planned, started, total, open, concurrency }: BatchProgress): void {
  const rows: readonly [string, string][] = [
    ['Status', status],
    ...(stopReason === null ? [] : [['Stopped', stopReason] satisfies [string, string]]),
    ['Planned', String(planned)],
    ['Started', `${started} of ${total}`],
    ['Open', `${open}, at most ${concurrency}`],
    ['Ended', String(started - open)],
  ];
  setCurrentDetails(['| | |', '|---|---|', ...rows.map(([name, value]) => `| ${name} | ${value} |`)].join('\n'));
}
