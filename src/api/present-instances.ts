import type { DeploymentStatus } from '../model/deployment.ts';
import type { InstanceCounts, InstanceList } from '../model/instance.ts';
import type { DeploymentRow } from '../store/deployments.ts';
import type { InstanceFilter, InstanceRow, InstanceStore } from '../store/instances.ts';

/** As ready as the deployment: there is one snapshot for all seeds. */
export function presentInstance(deployment: DeploymentRow, row: InstanceRow): InstanceList['instances'][number] {
  const { seed, hasTask } = row;
  if (!hasTask) return { seed, status: 'failed', error: `the deployment has no task ${seed}` };
  return { seed, status: deployment.status, error: deployment.error };
}

/** Which rows have a status; undefined: none has. The reverse of {@link presentInstance}. */
export function rowsOf(
  deployment: DeploymentRow,
  status: DeploymentStatus | undefined,
): Pick<InstanceFilter, 'hasTask'> | undefined {
  if (status === undefined) return {};
  if (status === deployment.status) return status === 'failed' ? {} : { hasTask: true };
  return status === 'failed' ? { hasTask: false } : undefined;
}

export async function countInstances(store: InstanceStore, deployment: DeploymentRow): Promise<InstanceCounts> {
  const { withTask, withoutTask } = await store.count(deployment);
  const of = (status: DeploymentStatus) => (status === deployment.status ? withTask : 0);
  return {
    deployment_id: deployment.id,
    total: withTask + withoutTask,
    ready_count: of('ready'),
    pending_count: of('pending'),
    building_count: of('building'),
    failed_count: of('failed') + withoutTask,
  };
}
