import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from '@temporalio/common';
import type { BatchProgress, TurnRequest } from '../model/batch-stages.ts';
import { HarborError } from '../model/errors.ts';
import { rolloutWorkflowId } from '../model/ids.ts';
import type { RolloutInput } from '../model/stages.ts';
import type { RolloutRow } from '../store/rollouts.ts';
import type { ActivityScope } from './activity.ts';
import { cancelWorkflow, progressOf, severalAtOnce } from './batch-steering.ts';
import type { ActivityDeps } from './deps.ts';
import { lostBy, settle } from './maintenance.ts';

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
    await start(deps, row, taskQueue);
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
    if (row.workflowRunId === null && !isCancelled && (await start(deps, row, scope.taskQueue))) return;
    const lost = await lostBy(deps, row.workflowId ?? rolloutWorkflowId(row.id), row.workflowRunId, 'rollout');
    if (!lost) return isCancelled ? cancelWorkflow(deps.client, row) : undefined;
    // It may have ended well between the two looks.
    if ((await deps.store.rollouts.find(row.id))?.closedAt !== null) return;
    await settle(deps, row, isCancelled ? { class: 'cancelled', message: 'cancelled with its batch' } : lost, scope);
  });
}

/** Under an id that is fixed, so that a second start finds the first. False: it ran, and is over. */
async function start(deps: ActivityDeps, row: RolloutRow, taskQueue: string): Promise<boolean> {
  const { id, organization, deploymentName, seed, agent, model, batchId, request } = row;
  const input: RolloutInput = {
    rollout_id: id,
    organization,
    deployment: deploymentName,
    batch: batchId,
    env: { seed },
    policy: { config: { agent, ...(model === null ? {} : { model }) } },
    ...(request.retry && { retry: request.retry }),
  };
  const what = [deploymentName, seed === null ? '' : `seed ${seed}`, agent, model ?? ''].filter(Boolean).join(', ');
  try {
    await deps.client.workflow.start('rollout', {
      taskQueue,
      workflowId: rolloutWorkflowId(id),
      workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
      args: [input],
      staticSummary: what,
      staticDetails: `Rollout \`${id}\` of batch \`${batchId ?? ''}\`: ${what}. Trace: \`harbor rollout trace ${id}\``,
    });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
  return true;
}
