import type { Capacity } from '../../src/model/capacity.ts';
import type { RolloutResult } from '../../src/model/result.ts';
import { noUsage, rolloutRequestSchema } from '../../src/model/rollout.ts';
import type { DeploymentRow } from '../../src/store/deployments.ts';
import type { WorkflowRun } from '../../src/store/rollouts.ts';
import type { Store } from '../../src/store/store.ts';

/** What a rollout came to that earned a 1. */
export const earnedOne: RolloutResult = {
  failure: null,
  reward: 1,
  rewards: { reward: 1 },
  trust: 'quiesced',
  selfReported: false,
  details: {},
  exitCode: 0,
  attempts: 1,
  usage: noUsage,
  timings: { queued_s: 0, provision_s: 1, agent_s: 2, evaluate_s: 3, total_s: 6 },
  resources: { cpuCores: 2, memoryMb: 4096, diskMb: 10_240, peakMemoryMb: 10, cpuSeconds: 1, oomKills: 0 },
};

/** Writes down a rollout that nobody works on yet. `more`: what is not as usual. */
export function insertRollout(
  store: Pick<Store, 'rollouts'>,
  deployment: Pick<DeploymentRow, 'id' | 'name' | 'snapshotName'>,
  id: string,
  more: Partial<Parameters<Store['rollouts']['insert']>[0]> = {},
): ReturnType<Store['rollouts']['insert']> {
  return store.rollouts.insert({
    id,
    organization: 'default',
    deploymentId: deployment.id,
    deploymentName: deployment.name,
    generation: 1,
    snapshotName: deployment.snapshotName ?? 'snapshot',
    traceCorrelationId: id,
    comparison: null,
    seed: 1,
    agent: 'codex',
    model: 'gpt-5-mini',
    request: rolloutRequestSchema.parse({}),
    ...more,
  });
}

/** A run of a workflow that no server knows. */
export const run = (workflowRunId: string): WorkflowRun => ({
  workflowId: `workflow of ${workflowRunId}`,
  workflowRunId,
});

/** Ends a rollout as its workflow would. */
export async function endRollout(store: Store, id: string, result: RolloutResult = earnedOne): Promise<void> {
  const owner = (await store.rollouts.find(id))?.workflowRunId ?? '';
  await store.rollouts.close(id, owner, result.reward === null ? 'failed' : 'completed', result);
  await store.rollouts.release(id);
}

/** Room for so many rollouts, whatever their size. */
export const roomFor = (running: number): Capacity => ({
  running,
  starting: running,
  cpuCores: Number.MAX_SAFE_INTEGER,
  memoryMb: Number.MAX_SAFE_INTEGER,
});

/** The smallest rollout there is. */
export const small = { cpuCores: 1, memoryMb: 512 };
