import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from '@temporalio/common';
import { rolloutWorkflowId } from '../model/ids.ts';
import type { RolloutInput } from '../model/stages.ts';
import type { RolloutRow } from '../store/rollouts.ts';

/**
 * Starts the workflow of a rollout that is written down, under an id that is fixed, so that a second start finds the first.
 * False: it ran, and is over. It finds the request in the store; its input is what people see of it in the Temporal UI.
 */
export async function startRolloutWorkflow(client: Client, row: RolloutRow, taskQueue: string): Promise<boolean> {
  const { id, organization, deploymentName, seed, agent, model, batchId, request } = row;
  const input: RolloutInput = {
    rollout_id: id,
    organization,
    deployment: deploymentName,
    ...(batchId !== null && { batch: batchId }),
    env: { seed },
    policy: { config: { agent, ...(model === null ? {} : { model }) } },
    ...(request.retry && { retry: request.retry }),
  };
  const what = [deploymentName, seed === null ? '' : `seed ${seed}`, agent, model ?? ''].filter(Boolean).join(', ');
  const name = batchId === null ? `Rollout \`${id}\`` : `Rollout \`${id}\` of batch \`${batchId}\``;
  try {
    await client.workflow.start('rollout', {
      taskQueue,
      workflowId: rolloutWorkflowId(id),
      workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
      args: [input],
      staticSummary: what,
      staticDetails: `${name}: ${what}. Trace: \`harbor rollout trace ${id}\``,
    });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
  return true;
}
