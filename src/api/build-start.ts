import { deploymentWorkflowId, taskQueue } from '../model/ids.ts';
import type { DeploymentInput } from '../model/stages.ts';
import type { DeploymentRow, PendingBuild } from '../store/deployments.ts';
import type { ApiDeps } from './deps.ts';
import { unavailable } from './problems.ts';

/** The build that a client without an opinion means: old ones ask for a build right after an upload started one. */
export async function buildInFlight({ store }: ApiDeps, { id, status }: DeploymentRow): Promise<string | undefined> {
  if (status !== 'pending' && status !== 'building') return undefined;
  const [latest] = await store.deployments.builds(id, 1);
  return latest?.endedAt === null ? latest.id : undefined;
}

export async function startBuild(
  { client, store, logger }: ApiDeps,
  { deployment, buildId }: PendingBuild,
): Promise<void> {
  const { id, organization, name, generation } = deployment;
  const input: DeploymentInput = { deploymentId: id, name, generation, buildId };
  try {
    await client.workflow.start('deployment', {
      taskQueue,
      workflowId: deploymentWorkflowId(organization, name, generation),
      args: [input],
      staticSummary: `${name}, generation ${generation}`,
      staticDetails: `Brings generation ${generation} of deployment \`${name}\` to a snapshot. Build \`${buildId}\`.`,
    });
  } catch (error) {
    logger.error({ err: error, deployment: name }, 'a build could not be started');
    await store.deployments.endBuild(buildId, { status: 'failed', errorMessage: 'the build could not be started' });
    throw unavailable('The build could not be started: Temporal does not answer');
  }
}
