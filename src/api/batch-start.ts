import { ulid } from 'ulid';
import { planRollout, refuseUnpricedPolicy } from '../activities/planning.ts';
import { wakeBatch } from '../activities/batch-steering.ts';
import type { BatchPlan, BatchRequest } from '../model/batch.ts';
import { gridOf } from '../model/batch.ts';
import { cellCount, seedCount, type Seeds } from '../model/batch-cells.ts';
import { invalid } from '../model/errors.ts';
import { limits } from '../model/limits.ts';
import { rolloutRequestSchema } from '../model/rollout.ts';
import type { BatchRow } from '../store/batch-rows.ts';
import type { DeploymentRow } from '../store/deployments.ts';
import type { ApiDeps } from './deps.ts';
import { unavailable } from './problems.ts';
import { ofPolicy } from './rollout-start.ts';

/**
 * Writes a batch down and starts its workflow. Every policy is planned for the first seed, and every seed is looked up, before
 * anything exists; the rollouts themselves are written down as there is room for them. `id`: fixed by the caller's
 * Idempotency-Key; a batch that has it already is answered with.
 */
export async function startBatch(
  deps: ApiDeps,
  deployment: DeploymentRow,
  request: BatchRequest,
  id: string = ulid(),
): Promise<BatchRow> {
  const { store, agents } = deps;
  const begun = await store.batches.find(id);
  if (begun) return wake(deps, begun);
  const {
    name,
    metadata,
    seeds: named,
    samples,
    policies,
    concurrency,
    priority,
    budget,
    stop,
    pass_threshold,
    ...one
  } = request;
  const template = rolloutRequestSchema.parse(one);
  const known = await knownSeeds(deps, deployment);
  const seeds = seedsOf(named, known);
  const [first] = 'list' in seeds ? seeds.list : [seeds.from];
  const planned: BatchPlan['policies'][number][] = [];
  let generation: { generation: number; snapshotName: string } | undefined;
  for (const [index, policy] of (policies ?? [one.policy]).entries()) {
    const env = { ...template.env, seed: first };
    const plan = async () => {
      const rollout = { ...template, env, policy };
      const rolloutPlan = await planRollout(store, agents, deployment, rollout);
      if (budget.usd !== undefined) refuseUnpricedPolicy(rollout);
      return rolloutPlan;
    };
    const { agent, model, ...rest } = await (policies ? ofPolicy(index, plan) : plan());
    generation = rest;
    planned.push({ policy, agent, model });
  }
  if (!generation) throw new Error('a batch has at least one policy');
  refuseUnknown(seeds, known);
  const plan: BatchPlan = {
    seeds,
    samples,
    policies: planned,
    template,
    budget,
    stop,
    passThreshold: pass_threshold,
    metadata,
  };
  refuseTooMuch(plan);
  const batch = await store.batches.create({
    id,
    organization: deployment.organization,
    deploymentId: deployment.id,
    deploymentName: deployment.name,
    name: name ?? null,
    planned: cellCount(gridOf(plan)),
    concurrency,
    priority,
    generation: generation.generation,
    snapshotName: generation.snapshotName,
    plan,
  });
  return wake(deps, batch);
}

async function wake({ store, client, logger }: ApiDeps, batch: BatchRow): Promise<BatchRow> {
  const { id, name, deploymentName, planned, closedAt } = batch;
  if (closedAt !== null) return batch;
  try {
    await wakeBatch(client, id, `${name ?? deploymentName}: ${planned} rollouts`);
  } catch (error) {
    logger.error({ err: error, batch: id }, 'a batch could not be started');
    await store.batches.move(id, ['running'], 'cancelling');
    await store.batches.turn(id, 0);
    throw unavailable('The batch could not be started: Temporal does not answer');
  }
  return batch;
}

/** Empty where the deployment takes any seed. */
async function knownSeeds({ store }: ApiDeps, { id, readyGeneration }: DeploymentRow): Promise<readonly number[]> {
  if (readyGeneration === null) return [];
  return store.deployments.seeds(id, readyGeneration);
}

function seedsOf(named: BatchRequest['seeds'], known: readonly number[]): Seeds {
  if (named === undefined) return { list: known.length > 0 ? known : [null] };
  if ('count' in named) return { from: 0, count: named.count };
  if ('from' in named) return { from: named.from, count: named.to - named.from + 1 };
  return { list: [...new Set(named)] };
}

function refuseUnknown(seeds: Seeds, known: readonly number[]): void {
  if (known.length === 0) return;
  const tasks = new Set<number | null>(known);
  // A range is looked at no further than to its first unknown seed, which comes at the latest when all known ones are passed.
  for (let index = 0; index < seedCount(seeds); index += 1) {
    const seed = 'list' in seeds ? (seeds.list[index] ?? null) : seeds.from + index;
    if (!tasks.has(seed)) throw invalid('seeds', `the deployment has no task ${seed}`, 'Name seeds of its tasks.');
  }
}

function refuseTooMuch(plan: BatchPlan): void {
  const cells = cellCount(gridOf(plan));
  if (cells > limits.batchRollouts) {
    const remedy = 'Make several batches of it.';
    throw invalid('seeds', `seeds × samples × policies is ${cells}, at most ${limits.batchRollouts}`, remedy);
  }
  const { seeds: _, ...shared } = plan;
  const bytes = Buffer.byteLength(JSON.stringify(shared));
  if (bytes <= limits.batchRequestBytes) return;
  throw invalid(
    'body',
    `without its seeds it has ${bytes} bytes, at most ${limits.batchRequestBytes}`,
    'Every rollout keeps a copy: put what is large into the deployment.',
  );
}
