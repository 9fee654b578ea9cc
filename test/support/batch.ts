import { rolloutRequestSchema } from '../../src/model/rollout.ts';
import { type BatchPlan, gridOf } from '../../src/model/batch.ts';
import { cellCount } from '../../src/model/batch-cells.ts';
import type { BatchRow } from '../../src/store/batch-rows.ts';
import type { NewBatch } from '../../src/store/batches.ts';
import type { DeploymentRow } from '../../src/store/deployments.ts';
import type { Store } from '../../src/store/store.ts';

/** A batch of a deployment, as its route would write it down. */
export async function newBatch(
  store: Store,
  deployment: DeploymentRow,
  id: string,
  { plan: some, ...options }: Partial<Omit<NewBatch, 'plan'>> & { readonly plan?: Partial<BatchPlan> } = {},
): Promise<BatchRow> {
  const plan: BatchPlan = {
    seeds: { from: 0, count: 4 },
    samples: 1,
    policies: [{ policy: { config: { model: 'gpt' } }, agent: 'codex', model: 'gpt' }],
    template: rolloutRequestSchema.parse({}),
    budget: {},
    stop: {},
    passThreshold: 1,
    metadata: {},
    ...some,
  };
  return store.batches.create({
    id,
    organization: deployment.organization,
    deploymentId: deployment.id,
    deploymentName: deployment.name,
    name: null,
    planned: cellCount(gridOf(plan)),
    concurrency: 2,
    priority: 0,
    generation: 1,
    snapshotName: `snapshot-of-${deployment.name}`,
    ...options,
    plan,
  });
}
