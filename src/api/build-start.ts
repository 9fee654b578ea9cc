import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from '@temporalio/common';
import { deploymentWorkflowId, taskQueue } from '../model/ids.ts';
import type { DeploymentInput } from '../model/stages.ts';
import type { DeploymentRow, PendingBuild, RebuiltContent } from '../store/deployments.ts';
import type { ApiDeps } from './deps.ts';
import type { Effect } from './idempotency.ts';
import { unavailable } from './problems.ts';

/** The build that the same request has made or joined before, started where its first try died before that. */
export async function repeatedBuild(
  deps: ApiDeps,
  deployment: DeploymentRow,
  effect: Effect | undefined,
): Promise<string | undefined> {
  if (!effect || !(await deps.store.deployments.build(effect.id))) return undefined;
  return startRebuild(deps, deployment, {}, false, effect);
}

/** The build that a client without an opinion means: old ones ask for a build right after an upload started one. */
export async function buildInFlight(
  { store }: ApiDeps,
  { id, status }: DeploymentRow,
  effect: Effect | undefined,
): Promise<string | undefined> {
  if (status !== 'pending' && status !== 'building') return undefined;
  const [latest] = await store.deployments.builds(id, 1);
  if (latest?.endedAt !== null) return undefined;
  await effect?.join(latest.id);
  return latest.id;
}

/** The next generation of a deployment, on its way to a snapshot: the id of its build. */
export async function startRebuild(
  deps: ApiDeps,
  deployment: DeploymentRow,
  content: RebuiltContent,
  force: boolean,
  effect: Effect | undefined,
): Promise<string> {
  const pending = await deps.store.deployments.rebuild(deployment, content, force, effect?.id);
  await startBuild(deps, pending, effect !== undefined);
  return pending.buildId;
}

/**
 * Starts the workflow of a build that has none yet. `repeatable`: its caller may send the request again, which starts it
 * yet where Temporal is away now; without that nobody could, and the build has failed.
 */
export async function startBuild(
  { client, store, logger }: ApiDeps,
  { deployment, buildId }: PendingBuild,
  repeatable: boolean,
): Promise<void> {
  if ((await store.deployments.build(buildId))?.endedAt) return;
  const { id, organization, name, generation } = deployment;
  const input: DeploymentInput = { deploymentId: id, name, generation, buildId };
  try {
    await client.workflow.start('deployment', {
      taskQueue,
      workflowId: deploymentWorkflowId(organization, name, generation),
      workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
      args: [input],
      staticSummary: `${name}, generation ${generation}`,
      staticDetails: `Brings generation ${generation} of deployment \`${name}\` to a snapshot. Build \`${buildId}\`.`,
    });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return;
    logger.error({ err: error, deployment: name }, 'a build could not be started');
    if (!repeatable)
      await store.deployments.endBuild(buildId, { status: 'failed', errorMessage: 'the build could not be started' });
    throw unavailable('The build could not be started: Temporal does not answer');
  }
}
