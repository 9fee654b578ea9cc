import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { BatchInput, BatchProgress, SteerRequest } from '../model/batch-stages.ts';
import { HarborError } from '../model/errors.ts';
import { batchWorkflowId, rolloutWorkflowId, taskQueue } from '../model/ids.ts';
import type { BatchRow } from '../store/batch-rows.ts';
import { mostOpen } from '../store/batch-turn.ts';
import type { RolloutRow } from '../store/rollouts.ts';
import type { Store } from '../store/store.ts';

interface SteeringDeps {
  readonly store: Store;
  readonly client: Client;
}

/** Requests to Temporal at once. */
const atOnce = 10;

/**
 * Changes what a batch shall do. The change is in the store when this returns; the batch's workflow acts on it once it looks.
 * Throws `invalid_request` where the batch is over, except for a retry.
 */
export async function steerBatch(deps: SteeringDeps, { batchId, change }: SteerRequest): Promise<BatchProgress> {
  const { batches } = deps.store;
  switch (change.kind) {
    case 'pause':
      await batches.move(batchId, ['running'], 'paused');
      break;
    case 'resume':
      await batches.move(batchId, ['paused'], 'running');
      break;
    case 'cancel':
      await batches.move(batchId, ['running', 'paused'], 'cancelling');
      break;
    case 'concurrency':
      await batches.setConcurrency(batchId, change.concurrency);
      break;
    case 'retry':
      await batches.retry(batchId, change.selection);
      break;
  }
  const batch = await batches.find(batchId);
  if (!batch) throw new HarborError('invalid_request', `there is no batch ${batchId}`, { field: 'batchId' });
  const open = await batches.open(batchId);
  if (batch.status === 'cancelling') await severalAtOnce(open, (row) => cancelWorkflow(deps.client, row));
  return progressOf(batch, open.length);
}

/** Has the batch's workflow look at once; starts it where none runs. */
export async function wakeBatch(client: Client, batchId: string, summary?: string): Promise<void> {
  const input: BatchInput = { batchId };
  await client.workflow.signalWithStart('batch', {
    taskQueue,
    workflowId: batchWorkflowId(batchId),
    args: [input],
    signal: 'steered',
    ...(summary !== undefined && { staticSummary: summary }),
    staticDetails: `Batch \`${batchId}\`. Its figures: \`harbor batch show ${batchId}\``,
  });
}

/**
 * Tells whatever run of a batch's workflow works now that a place is free. One that is gone is no fault of the rollout: maintenance
 * starts it again.
 */
export async function tellBatch({ client }: Pick<SteeringDeps, 'client'>, batchId: string): Promise<void> {
  try {
    await client.workflow.getHandle(batchWorkflowId(batchId)).signal('rolloutEnded');
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}

/** One that was not started yet is left to the reconciliation, which finds no workflow of it. */
export async function cancelWorkflow(client: Client, row: RolloutRow): Promise<void> {
  try {
    await client.workflow
      .getHandle(row.workflowId ?? rolloutWorkflowId(row.id), row.workflowRunId ?? undefined)
      .cancel();
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}

export function progressOf(batch: BatchRow, open: number): BatchProgress {
  const { status, stopReason, planned, cursor, total } = batch;
  const concurrency = mostOpen(batch);
  const mayStart = status === 'running' && stopReason === null && cursor < total;
  return {
    status,
    stopReason,
    planned,
    started: cursor,
    total,
    open,
    concurrency,
    isOver: batch.closedAt !== null,
    hasMore: mayStart && open < concurrency,
  };
}

export async function severalAtOnce<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  const lane = async () => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}
