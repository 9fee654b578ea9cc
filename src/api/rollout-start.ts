import { isDeepStrictEqual } from 'node:util';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from '@temporalio/common';
import { rolloutWorkflowId, taskQueue } from '../model/ids.ts';
import { toJsonObject } from '../model/json.ts';
import type { RolloutInput } from '../model/stages.ts';
import type { PlannedRollout, RolloutRow } from '../store/rollouts.ts';
import type { ApiDeps } from './deps.ts';
import { closeUnstarted } from './rollout-cancel.ts';
import { conflict, unavailable } from './problems.ts';

/**
 * Writes a rollout down and starts its workflow. A repeat of the same request under the same id finds the first one's
 * rollout, also where the first died between the two steps.
 */
export async function startRollout(deps: ApiDeps, planned: PlannedRollout): Promise<RolloutRow> {
  const { store, logger } = deps;
  await store.rollouts.insert(planned);
  const row = await store.rollouts.find(planned.id);
  if (!row || !isSame(row, planned)) {
    throw conflict(`A rollout with the id ${planned.id} exists, and it is another one`, 'Choose another rollout_id.');
  }
  if (row.workflowRunId !== null || row.closedAt) return row;
  try {
    await startWorkflow(deps, planned);
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return row;
    logger.error({ err: error, rollout: planned.id }, 'a rollout could not be started');
    await closeUnstarted(deps, row, { class: 'internal', message: 'its workflow could not be started' });
    throw unavailable('The rollout could not be started: Temporal does not answer');
  }
  return row;
}

/** The workflow finds the request in the store; its input is what people see of it in the Temporal UI. */
async function startWorkflow({ client }: ApiDeps, planned: PlannedRollout): Promise<void> {
  const { id, organization, deploymentName, seed, agent, model } = planned;
  const input: RolloutInput = {
    rollout_id: id,
    organization,
    deployment: deploymentName,
    env: { seed },
    policy: { config: { agent, ...(model === null ? {} : { model }) } },
  };
  const what = [deploymentName, seed === null ? '' : `seed ${seed}`, agent, model ?? ''].filter(Boolean).join(', ');
  await client.workflow.start('rollout', {
    taskQueue,
    workflowId: rolloutWorkflowId(id),
    workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
    args: [input],
    staticSummary: what,
    staticDetails: `Rollout \`${id}\`: ${what}. Trace: \`harbor rollout trace ${id}\``,
  });
}

function isSame(row: RolloutRow, planned: PlannedRollout): boolean {
  return (
    row.organization === planned.organization &&
    row.deploymentId === planned.deploymentId &&
    isDeepStrictEqual(toJsonObject(row.request), toJsonObject(planned.request))
  );
}
