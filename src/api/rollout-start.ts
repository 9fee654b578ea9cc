import { isDeepStrictEqual } from 'node:util';
import { ulid } from 'ulid';
import { planRollout } from '../activities/planning.ts';
import { startRolloutWorkflow } from '../activities/start-rollout.ts';
import { HarborError } from '../model/errors.ts';
import { taskQueue } from '../model/ids.ts';
import { toJsonObject } from '../model/json.ts';
import type { RolloutBody, RolloutRequest } from '../model/rollout.ts';
import type { DeploymentRow } from '../store/deployments.ts';
import type { PlannedRollout, RolloutRow } from '../store/rollouts.ts';
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
  const plan = await findOrPlan(deps, deployment, request);
  if (plan.kind === 'planned') await beforeNew();
  const row = await writeDown(deps, deployment, plan);
  await startUnlessStarted(deps, row);
  return row;
}

/** As {@link startRollout}, one rollout for each of several policies: none is written down before all are possible. */
export async function startComparison(
  deps: ApiDeps,
  deployment: DeploymentRow,
  { policies, ...request }: RolloutBody & Required<Pick<RolloutBody, 'policies'>>,
  beforeNew: () => Promise<void>,
): Promise<Comparison> {
  const { rollout_id: base } = request;
  const comparisonId = request.comparison_id ?? base ?? ulid();
  const plans: Plan[] = [];
  for (const [index, policy] of policies.entries()) {
    const id = base === undefined ? {} : { rollout_id: comparedId(base, index) };
    const one = { ...request, ...id, policy, comparison_id: comparisonId };
    plans.push(await ofPolicy(index, () => findOrPlan(deps, deployment, one)));
  }
  if (plans.some(({ kind }) => kind === 'planned')) await beforeNew();
  const rows: RolloutRow[] = [];
  for (const plan of plans) rows.push(await writeDown(deps, deployment, plan));
  for (const [index, row] of rows.entries()) {
    try {
      await startUnlessStarted(deps, row);
    } catch (error) {
      for (const unstarted of rows.slice(index + 1)) await giveUpNameless(deps, unstarted);
      throw error;
    }
  }
  return { id: comparisonId, rows };
}

/** The id of one of several policies' rollouts. */
export const comparedId = (base: string, index: number): string => `${base}-${index + 1}`;

interface Comparison {
  readonly id: string;
  /** In the order of the policies. */
  readonly rows: readonly RolloutRow[];
}

type Plan =
  | { readonly kind: 'known'; readonly row: RolloutRow }
  | { readonly kind: 'planned'; readonly planned: PlannedRollout };

async function findOrPlan(
  { store, agents }: ApiDeps,
  deployment: DeploymentRow,
  request: RolloutRequest,
): Promise<Plan> {
  const { rollout_id: id } = request;
  const row = id === undefined ? undefined : await store.rollouts.find(id);
  if (!row) return { kind: 'planned', planned: await planRollout(store, agents, deployment, request) };
  refuseOther(row, deployment, request);
  return { kind: 'known', row };
}

async function writeDown({ store }: ApiDeps, deployment: DeploymentRow, plan: Plan): Promise<RolloutRow> {
  if (plan.kind === 'known') return plan.row;
  const { planned } = plan;
  const row = (await store.rollouts.insert(planned)) ?? (await store.rollouts.find(planned.id));
  if (!row) throw new Error(`rollout ${planned.id} was written down and is not there`);
  refuseOther(row, deployment, planned.request);
  return row;
}

/** Says which of several policies is at fault. */
export async function ofPolicy<T>(index: number, plan: () => Promise<T>): Promise<T> {
  try {
    return await plan();
  } catch (error) {
    if (!HarborError.isInstance(error) || !error.field?.startsWith('policy.')) throw error;
    const field = error.field.replace('policy', `policies.${index}`);
    const message = error.message.replace(error.field, field);
    throw new HarborError(error.failureClass, message, { field, remedy: error.remedy, cause: error });
  }
}

async function startUnlessStarted(deps: ApiDeps, row: RolloutRow): Promise<void> {
  if (row.workflowRunId === null && row.closedAt === null) await startWorkflow(deps, row);
}

async function startWorkflow(deps: ApiDeps, row: RolloutRow): Promise<void> {
  try {
    await startRolloutWorkflow(deps.client, row, taskQueue);
  } catch (error) {
    deps.logger.error({ err: error, rollout: row.id }, 'a rollout could not be started');
    await giveUpNameless(deps, row);
    throw unavailable('The rollout could not be started: Temporal does not answer');
  }
}

/** Under an id of the caller's own a repeat starts it yet; without one nobody could, and the reconciler need not wait. */
async function giveUpNameless(deps: ApiDeps, row: RolloutRow): Promise<void> {
  if (row.request.rollout_id !== undefined) return;
  await closeUnstarted(deps, row, { class: 'internal', message: 'its workflow could not be started' });
}

function refuseOther(row: RolloutRow, deployment: DeploymentRow, request: RolloutRequest): void {
  const isRepeat =
    row.organization === deployment.organization &&
    row.deploymentId === deployment.id &&
    isDeepStrictEqual(toJsonObject(row.request), toJsonObject(request));
  if (isRepeat) return;
  throw conflict(`A rollout with the id ${row.id} exists, and it is another one`, 'Choose another rollout_id.');
}
