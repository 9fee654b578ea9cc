import { isDeepStrictEqual } from 'node:util';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from '@temporalio/common';
import { planRollout } from '../activities/planning.ts';
import { rolloutWorkflowId, taskQueue } from '../model/ids.ts';
import { toJsonObject } from '../model/json.ts';
import type { RolloutRequest } from '../model/rollout.ts';
import type { RolloutInput } from '../model/stages.ts';
import type { DeploymentRow } from '../store/deployments.ts';
import type { RolloutRow } from '../store/rollouts.ts';
import type { ApiDeps } from './deps.ts';
import { closeUnstarted } from './rollout-cancel.ts';
import { conflict, unavailable } from './problems.ts';

/**
 * Writes a rollout down and starts its workflow. A repeat of the same request under the same id finds the first one's
 * rollout: whatever has become of the deployment since, and also where the first died between the two steps.
 * `beforeNew` is waited for once a new rollout is known to be possible; nothing exists yet when it throws.
 */
export async function startRollout(
  deps: ApiDeps,
  deployment: DeploymentRow,
  request: RolloutRequest,
  beforeNew: () => Promise<void>,
): Promise<RolloutRow> {
  const { rollouts } = deps.store;
  const first = request.rollout_id === undefined ? undefined : await rollouts.find(request.rollout_id);
  const row = first ?? (await writeDown(deps, deployment, request, beforeNew));
  if (!isRepeat(row, deployment, request)) {
    throw conflict(`A rollout with the id ${row.id} exists, and it is another one`, 'Choose another rollout_id.');
  }
  if (row.workflowRunId === null && row.closedAt === null) await startWorkflow(deps, row);
  return row;
}

async function writeDown(
  { store, agents }: ApiDeps,
  deployment: DeploymentRow,
  request: RolloutRequest,
  beforeNew: () => Promise<void>,
): Promise<RolloutRow> {
  const planned = await planRollout(store, agents, deployment, request);
  await beforeNew();
  const row = (await store.rollouts.insert(planned)) ?? (await store.rollouts.find(planned.id));
  if (!row) throw new Error(`rollout ${planned.id} was written down and is not there`);
  return row;
}

async function startWorkflow(deps: ApiDeps, row: RolloutRow): Promise<void> {
  const { id, organization, deploymentName, seed, agent, model } = row;
  // The workflow finds the request in the store; its input is what people see of it in the Temporal UI.
  const input: RolloutInput = {
    rollout_id: id,
    organization,
    deployment: deploymentName,
    env: { seed },
    policy: { config: { agent, ...(model === null ? {} : { model }) } },
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
      staticDetails: `Rollout \`${id}\`: ${what}. Trace: \`harbor rollout trace ${id}\``,
    });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return;
    deps.logger.error({ err: error, rollout: id }, 'a rollout could not be started');
    // Under an id of the caller's own a repeat starts it yet; without one nobody could, and the reconciler need not wait.
    if (row.request.rollout_id === undefined) {
      await closeUnstarted(deps, row, { class: 'internal', message: 'its workflow could not be started' });
    }
    throw unavailable('The rollout could not be started: Temporal does not answer');
  }
}

function isRepeat(row: RolloutRow, deployment: DeploymentRow, request: RolloutRequest): boolean {
  return (
    row.organization === deployment.organization &&
    row.deploymentId === deployment.id &&
    isDeepStrictEqual(toJsonObject(row.request), toJsonObject(request))
  );
}
