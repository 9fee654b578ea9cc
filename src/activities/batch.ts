import type { BatchProgress, TurnRequest } from '../model/batch-stages.ts';
import { HarborError } from '../model/errors.ts';
import { rolloutWorkflowId } from '../model/ids.ts';
import type { ActivityScope } from './activity.ts';
import { cancelWorkflow, progressOf, severalAtOnce } from './batch-steering.ts';
import type { ActivityDeps } from './deps.ts';
import { lostBy, settle } from './maintenance.ts';
import { startRolloutWorkflow } from './start-rollout.ts';

/** Rollouts started by one look: few enough to be done well within a workflow task. */
const perTurn = 50;

/**
 * Starts what may run beside what is open. Repeated after a crash it starts others than before only where room is left; those
 * that were written down and not started are found by {@link reconcileBatch}.
 */
export async function turnBatch(deps: ActivityDeps, { batchId, taskQueue }: TurnRequest): Promise<BatchProgress> {
  const turn = await deps.store.batches.turn(batchId, perTurn);
  if (!turn) throw new HarborError('invalid_request', `there is no batch ${batchId}`, { field: 'batchId' });
  await severalAtOnce(turn.begun, async (row) => {
    await startRolloutWorkflow(deps.client, row, taskQueue);
  });
  return progressOf(turn.batch, turn.open);
}

/**
 * Holds what the store takes for open against what Temporal knows: starts what was only written down, closes what was ended in
 * its UI or vanished, and ends what a cancelled batch still has.
 */
export async function reconcileBatch(
  deps: ActivityDeps,
  { batchId }: { readonly batchId: string },
  scope: ActivityScope,
): Promise<void> {
  const batch = await deps.store.batches.find(batchId);
  const rows = await deps.store.batches.open(batchId);
  scope.report(`${rows.length} rollouts`);
  await severalAtOnce(rows, async (row) => {
    const isCancelled = batch?.status === 'cancelling';
    if (row.workflowRunId === null && !isCancelled && (await startRolloutWorkflow(deps.client, row, scope.taskQueue)))
      return;
    const lost = await lostBy(deps, row.workflowId ?? rolloutWorkflowId(row.id), row.workflowRunId, 'rollout');
    if (!lost) return isCancelled ? cancelWorkflow(deps.client, row) : undefined;
    // It may have ended well between the two looks.
    if ((await deps.store.rollouts.find(row.id))?.closedAt !== null) return;
    await settle(deps, row, isCancelled ? { class: 'cancelled', message: 'cancelled with its batch' } : lost, scope);
  });
}
