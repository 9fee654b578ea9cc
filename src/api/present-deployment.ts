import type { BuildResponse, DeploymentResponse, DeploymentSummary } from '../model/deployment-responses.ts';
import type { BuildRow, DeploymentRow } from '../store/deployments.ts';
import type { Store } from '../store/store.ts';

export function presentSummary(row: DeploymentRow): DeploymentSummary {
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    snapshot_id: row.snapshotName,
    ...(row.error === null ? {} : { error: row.error }),
    generation: row.generation,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}

export function presentBuild(row: BuildRow): BuildResponse {
  return {
    id: row.id,
    status: row.status,
    generation: row.generation,
    cached: row.cached,
    snapshot_id: row.snapshotName,
    error_message: row.errorMessage,
    created_at: row.createdAt.toISOString(),
    started_at: row.startedAt?.toISOString() ?? null,
    completed_at: row.endedAt?.toISOString() ?? null,
  };
}

export async function presentDeployment(
  store: Store,
  row: DeploymentRow,
  warnings: readonly string[] = [],
): Promise<DeploymentResponse> {
  const { deployments } = store;
  const generation = await deployments.generation(row.id, row.generation);
  const [latest] = await deployments.builds(row.id, 1);
  return {
    ...presentSummary(row),
    description: generation.description,
    entrypoint: generation.entrypoint,
    entrypoint_mode: generation.entrypointMode,
    limits: generation.limits,
    metadata: generation.metadata,
    env_vars: Object.keys(generation.envVars),
    seeds: [...(await deployments.seeds(row.id, row.generation))],
    latest_build: latest ? presentBuild(latest) : null,
    warnings: [...warnings],
  };
}
