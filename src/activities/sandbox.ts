import { check } from '../model/json.ts';
import { HarborError } from '../model/errors.ts';
import { batchBudgetId, rolloutBudgetId, sandboxName } from '../model/ids.ts';
import { rolloutInputSchema } from '../model/rollout.ts';
import type { AttemptRef, Provisioned, ProvisionRequest, RolloutInput, TeardownRequest } from '../model/stages.ts';
import type { Grant } from '../model/grant.ts';
import type { Sandbox } from '../sandboxes/provider.ts';
import type { RolloutRow } from '../store/rollouts.ts';
import type { Store } from '../store/store.ts';
import { type ActivityScope, NoPlace } from './activity.ts';
import { prepareAgent } from './agent-command.ts';
import type { ActivityDeps } from './deps.ts';
import { enter } from './enter.ts';
import { applyOverrides } from './overrides.ts';
import { sandboxFromSnapshot } from './sandbox-from-snapshot.ts';
import { loadRollout, planRollout, type StoredRollout } from './planning.ts';

/**
 * Admits the rollout (first attempt), ends the attempt before it for good (later ones), opens the interceptor for this
 * attempt and makes its sandbox. Every step finds its own earlier work.
 */
export async function provision(
  deps: ActivityDeps,
  { input, rolloutId, attempt }: ProvisionRequest,
  scope: ActivityScope,
): Promise<Provisioned> {
  const { store, interceptor } = deps;
  const row =
    attempt === 1 ? await admit(deps, rolloutId, input, scope) : await admitAgain(deps, { rolloutId, attempt }, scope);
  const rollout = await loadRollout(store, deps.agents, row);
  const name = sandboxName(rolloutId, attempt, 'agent');
  await store.attempts.begin(rolloutId, attempt, name);
  const budgets = await budgetsOf(store, row);
  await interceptor.grant(
    {
      rolloutId,
      attempt,
      models: rollout.plan.model === null ? [] : [rollout.plan.model.name],
      script: rollout.plan.script,
      ...(budgets.length > 0 && { budgets }),
    },
    scope.signal,
  );
  await createSandbox(deps, rollout, attempt, scope);
  // A worker that slept over the end of this attempt has just made what nobody would look for.
  if ((await store.attempts.find(rolloutId, attempt))?.endedAt) {
    await deps.provider.destroy(name);
    throw new HarborError('cancelled', `attempt ${attempt} of rollout ${rolloutId} has ended`);
  }
  await applyOverrides(deps, rollout, { rolloutId, attempt }, name, scope);
  await store.attempts.mark(rolloutId, attempt, 'provisionedAt');
  return {
    organization: row.organization,
    deployment: row.deploymentName,
    seed: row.seed,
    agent: row.agent,
    model: row.model,
    sandbox: name,
  };
}

/** The rollout's own, and that which it shares with its batch. */
async function budgetsOf(
  { batches }: Store,
  { id, batchId, request }: RolloutRow,
): Promise<NonNullable<Grant['budgets']>> {
  const own = request.limits.budget;
  const batch = batchId === null ? undefined : await batches.budget(batchId);
  const { usd, tokens, calls } = batch ?? {};
  const bounded = usd !== undefined || tokens !== undefined || calls !== undefined;
  return [
    ...(own ? [{ id: rolloutBudgetId(id), ...own }] : []),
    ...(batchId !== null && bounded ? [{ id: batchBudgetId(batchId), usd, tokens, calls }] : []),
  ];
}

/** Binds the rollout to this workflow run and takes a place for it; a second run for the same rollout is refused. */
async function admit(
  { store, agents, capacity }: ActivityDeps,
  rolloutId: string,
  input: RolloutInput,
  run: ActivityScope,
): Promise<RolloutRow> {
  const { deployment: idOrName, organization, ...request } = check(input, rolloutInputSchema, 'input');
  let admission = await store.rollouts.admit(rolloutId, run, capacity);
  if (admission.kind === 'foreign' && !(await store.rollouts.find(rolloutId))) {
    const deployment = await store.deployments.find(organization, idOrName);
    if (!deployment) {
      throw new HarborError('invalid_request', `deployment: there is none named ${idOrName}`, { field: 'deployment' });
    }
    await store.rollouts.insert(await planRollout(store, agents, deployment, { ...request, rollout_id: rolloutId }));
    admission = await store.rollouts.admit(rolloutId, run, capacity);
  }
  if (admission.kind === 'full') throw new NoPlace(admission.ahead);
  if (admission.kind === 'foreign') {
    throw new HarborError('invalid_request', `rollout ${rolloutId} belongs to another workflow run, or is closed`, {
      field: 'rollout_id',
      remedy: 'Start a new rollout with an id of its own.',
    });
  }
  return admission.row;
}

/** A later attempt keeps the place, and begins when nothing of the one before it can spend any more. */
async function admitAgain(
  { store, interceptor }: ActivityDeps,
  ref: AttemptRef,
  scope: ActivityScope,
): Promise<RolloutRow> {
  await interceptor.revoke(ref.rolloutId, ref.attempt - 1, scope.signal);
  return enter(store, ref, 'provisioning', scope);
}

async function createSandbox(
  deps: ActivityDeps,
  rollout: StoredRollout,
  attempt: number,
  { signal, report }: ActivityScope,
): Promise<Sandbox> {
  const { row, generation, snapshot, plan } = rollout;
  const reason = plan.agent.unsupportedIn(snapshot.facts);
  if (reason !== undefined) throw new HarborError('agent_unsupported', reason);
  report('getting the agent');
  const toolbox = plan.agent.toolbox && (await deps.ensureToolbox(plan.agent.toolbox(snapshot.facts), signal));
  report('making the sandbox');
  const prepared = prepareAgent(deps, rollout, attempt);
  await deps.store.snapshots.touch(snapshot.name);
  const request = {
    name: sandboxName(row.id, attempt, 'agent'),
    snapshot: snapshot.name,
    labels: { 'harbor.rollout': row.id, 'harbor.attempt': String(attempt), 'harbor.deployment': row.deploymentName },
    env: { ...generation.envVars, ...plan.settings.sandboxEnv },
    ...(plan.settings.workdir === undefined ? {} : { workdir: plan.settings.workdir }),
    cpuCores: generation.limits.cpu_cores,
    memoryMb: generation.limits.memory_mb,
    diskMb: generation.limits.disk_mb,
    egress: plan.agentEgress,
    toolboxes: toolbox ? [toolbox] : [],
    files: prepared.files,
    signal,
  };
  return sandboxFromSnapshot(deps, request, generation, report);
}

/** Ends an attempt: its token is dead, its sandbox gone, its row closed. With `final`, its place is free again. */
export async function teardown(
  { store, provider, interceptor }: ActivityDeps,
  { rolloutId, attempt, failure, final }: TeardownRequest,
  { signal, workflowRunId }: ActivityScope,
): Promise<void> {
  const rollout = await store.rollouts.find(rolloutId);
  if (!rollout || !mayClose(rollout, workflowRunId)) return;
  const row = await store.attempts.find(rolloutId, attempt);
  if (row) {
    await interceptor.revoke(rolloutId, attempt, signal);
    await provider.destroy(row.sandboxName);
    await store.attempts.end(rolloutId, attempt, failure);
  }
  if (final) await store.rollouts.release(rolloutId);
}

/** A workflow run that was refused because the rollout is another one's must not end that one's work. */
export function mayClose(rollout: RolloutRow, workflowRunId: string): boolean {
  return rollout.workflowRunId === null || rollout.workflowRunId === workflowRunId;
}
