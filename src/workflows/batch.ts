import {
  condition,
  continueAsNew,
  defineQuery,
  defineUpdate,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import type { BatchChange, BatchInput, BatchProgress } from '../model/batch-stages.ts';
import { rolloutEnded, steered } from './batch-signals.ts';
import { searchAttributes } from './search-attributes.ts';
import { seenToItsEnd } from './seen-to-its-end.ts';

/** Beside the workflow task that asks for it: one event instead of six, and every rollout of a batch pays for it. */
const { turnBatch, steerBatch } = proxyLocalActivities<Activities>({
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '200 milliseconds', maximumInterval: '10 seconds' },
});

const { reconcileBatch } = proxyActivities<Activities>({
  ...seenToItsEnd,
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '30 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
});

const progressOf = defineQuery<BatchProgress | null>('progress');
const pause = defineUpdate<BatchProgress>('pause');
const resume = defineUpdate<BatchProgress>('resume');
const cancel = defineUpdate<BatchProgress>('cancel');
const setConcurrency = defineUpdate<BatchProgress, [number]>('setConcurrency');
const retry = defineUpdate<BatchProgress, [(BatchChange & { kind: 'retry' })['selection']]>('retry');

/**
 * Keeps as many rollouts of a batch running as it may have. The store knows which of them are open: this looks again whenever one
 * of them says that it has ended, somebody steered, or a minute has passed without either. So no signal has to arrive, nothing
 * has to be carried from run to run, and a rollout that vanished gives its room back with the next look around.
 */
export async function batch(input: BatchInput): Promise<void> {
  const { batchId, lookSeconds = 60, eventsPerRun = 2000, endedPerRun = 250 } = input;
  let progress: BatchProgress | null = null;
  let isNews = true;
  let ended = 0;
  setHandler(rolloutEnded, () => {
    ended += 1;
    isNews = true;
  });
  setHandler(steered, () => {
    isNews = true;
  });
  const steer = async (change: BatchChange): Promise<BatchProgress> => {
    progress = await steerBatch({ batchId, change });
    isNews = true;
    return progress;
  };
  setHandler(progressOf, () => progress);
  setHandler(pause, () => steer({ kind: 'pause' }));
  setHandler(resume, () => steer({ kind: 'resume' }));
  setHandler(cancel, () => steer({ kind: 'cancel' }));
  setHandler(setConcurrency, (concurrency) => steer({ kind: 'concurrency', concurrency }));
  setHandler(retry, (selection) => steer({ kind: 'retry', selection }));

  upsertSearchAttributes([{ key: searchAttributes.batch, value: batchId }]);
  // What a worker left half-way, or an earlier run did not see.
  await reconcileBatch.executeWithOptions({ summary: 'Look what really runs' }, [{ batchId }]);
  for (;;) {
    isNews = false;
    progress = await turnBatch({ batchId, taskQueue: workflowInfo().taskQueue });
    show(progress);
    if (progress.isOver && !isNews) break;
    if (workflowInfo().historyLength > eventsPerRun || ended >= endedPerRun) await continueAsNew<typeof batch>(input);
    // Not all that may start was started at once: more follows without a wait.
    if (progress.hasMore) continue;
    const heard = await condition(() => isNews, lookSeconds * 1000, { summary: 'Until something happens' });
    if (!heard) await reconcileBatch.executeWithOptions({ summary: 'Look what really runs' }, [{ batchId }]);
  }
  upsertSearchAttributes([{ key: searchAttributes.status, value: progress.status }]);
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
