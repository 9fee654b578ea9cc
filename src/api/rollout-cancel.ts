import { WorkflowNotFoundError } from '@temporalio/client';
import type { Failure } from '../model/failures.ts';
import { rolloutWorkflowId } from '../model/ids.ts';
import { noUsage } from '../model/rollout.ts';
import type { RolloutRow } from '../store/rollouts.ts';
import type { ApiDeps } from './deps.ts';
import { unavailable } from './problems.ts';

/** Asks a rollout's workflow to end; what it has done so far is kept. One that never had a workflow is closed at once. */
export async function cancelRollout(deps: ApiDeps, row: RolloutRow): Promise<void> {
  try {
    const workflowId = row.workflowId ?? rolloutWorkflowId(row.id);
    await deps.client.workflow.getHandle(workflowId, row.workflowRunId ?? undefined).cancel();
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) {
      deps.logger.error({ err: error, rollout: row.id }, 'a rollout could not be cancelled');
      throw unavailable('The rollout could not be cancelled: Temporal does not answer');
    }
    await closeUnstarted(deps, row, { class: 'cancelled', message: 'cancelled before it was started' });
  }
}

/** Closes a rollout that no workflow works on; one that has a workflow is left to it. */
export async function closeUnstarted({ store }: ApiDeps, row: RolloutRow, failure: Failure): Promise<void> {
  await store.rollouts.close(row.id, '', failure.class === 'cancelled' ? 'cancelled' : 'failed', {
    failure,
    reward: null,
    rewards: null,
    trust: null,
    selfReported: false,
    details: {},
    exitCode: null,
    attempts: 0,
    usage: noUsage,
    timings: { queued_s: null, provision_s: null, agent_s: null, evaluate_s: null, total_s: null },
    resources: { cpuCores: null, memoryMb: null, diskMb: null, peakMemoryMb: null, cpuSeconds: null, oomKills: null },
  });
}
