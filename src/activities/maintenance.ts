import { WorkflowNotFoundError } from '@temporalio/client';
import { deploymentWorkflowId, rolloutWorkflowId } from '../model/ids.ts';
import type { Failure } from '../model/failures.ts';
import type { RolloutRow } from '../store/rollouts.ts';
import type { ActivityScope } from './activity.ts';
import type { ActivityDeps } from './deps.ts';
import { wakeBatch } from './batch-steering.ts';
import { close } from './close.ts';
import { orphanMs, type Sweep, sweepLeftovers } from './provider-leftovers.ts';
import { sweepSandboxes } from './orphans.ts';

/** What is younger than this may still be on its way. */
const settlingMilliseconds = 60_000;

/**
 * Closes what Temporal no longer works on: rollouts that were terminated in its UI or vanished with it, and builds
 * likewise. The workflow is the truth while it runs; a row without one would stay open for ever.
 */
export async function reconcile(deps: ActivityDeps, scope: ActivityScope, now = Date.now()): Promise<number> {
  const before = new Date(now - settlingMilliseconds);
  let closed = 0;
  for (const row of await deps.store.rollouts.unsettled(before)) {
    const failure = await lostBy(deps, row.workflowId ?? rolloutWorkflowId(row.id), row.workflowRunId, 'rollout');
    if (!failure) continue;
    await settle(deps, row, failure, scope);
    closed += 1;
  }
  for (const build of await deps.store.deployments.openBuilds(before)) {
    const id = deploymentWorkflowId(build.organization, build.deploymentName, build.generation);
    const failure = await lostBy(deps, id, null, 'build');
    if (!failure) continue;
    await deps.store.deployments.endBuild(build.id, { status: 'failed', errorMessage: failure.message });
    closed += 1;
  }
  // One whose workflow was ended, or never started, has its rollouts still to run: a batch is ended by cancelling it.
  for (const batchId of await deps.store.batches.unfinished()) await wakeBatch(deps.client, batchId);
  await deps.store.unkeyedRequests.forget();
  return closed;
}

/** How a workflow ended that should still be at work; undefined where it is. */
export async function lostBy(
  { client }: ActivityDeps,
  workflowId: string,
  runId: string | null,
  what: string,
): Promise<Failure | undefined> {
  try {
    const { status } = await client.workflow.getHandle(workflowId, runId ?? undefined).describe();
    if (status.name === 'RUNNING') return undefined;
    return status.name === 'TERMINATED' || status.name === 'CANCELLED'
      ? { class: 'cancelled', message: `the ${what}'s workflow was ${status.name.toLowerCase()}` }
      : { class: 'internal', message: `the ${what}'s workflow ended as ${status.name.toLowerCase()} without a result` };
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    return { class: 'internal', message: `the ${what}'s workflow is not known to Temporal` };
  }
}

/** Closes a rollout that no workflow works on any more, and removes what it left. */
export async function settle(
  deps: ActivityDeps,
  row: RolloutRow,
  failure: Failure,
  scope: ActivityScope,
): Promise<void> {
  const attempt = Math.max(1, row.attempt);
  const owner = { ...scope, workflowRunId: row.workflowRunId ?? '' };
  await close(deps, { rolloutId: row.id, attempt, failure, agent: null, evaluation: null }, owner);
}

/** Removes what of this installation is at the provider and nobody owns. Goes by the provider's list, not by the store's. */
export async function sweep(deps: ActivityDeps, scope: ActivityScope, now = Date.now()): Promise<number> {
  const what: Sweep = { dryRun: false, before: new Date(now - orphanMs) };
  const sandboxes = await sweepSandboxes(deps, scope, what);
  const leftovers = await sweepLeftovers(deps, scope, what);
  return sandboxes.length + leftovers.length;
}
