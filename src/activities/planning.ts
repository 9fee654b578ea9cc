import { ulid } from 'ulid';
import type { Agent } from '../agents/agent.ts';
import type { AgentRegistry } from '../agents/registry.ts';
import { readSettings } from '../agents/settings.ts';
import type { EgressMode } from '../model/egress.ts';
import { isPriced } from '../interceptor/prices.ts';
import { HarborError, invalid } from '../model/errors.ts';
import { toJsonObject } from '../model/json.ts';
import { limits } from '../model/limits.ts';
import { type ModelRef, readModel } from '../model/model-ref.ts';
import type { RolloutRequest } from '../model/rollout.ts';
import type { Task, TaskSettings } from '../model/task.ts';
import type { DeploymentRow, GenerationRow } from '../store/deployments.ts';
import type { PlannedRollout, RolloutRow } from '../store/rollouts.ts';
import type { SnapshotRow } from '../store/snapshots.ts';
import type { Store } from '../store/store.ts';
import { instructionOf } from './instruction.ts';

/** Everything that running one rollout needs to know, derived from what the store holds; never stored itself. */
export interface RolloutPlan {
  readonly agent: Agent;
  readonly model: ModelRef | null;
  readonly seed: number | null;
  readonly instruction: string | null;
  readonly timeoutSeconds: number;
  readonly agentEgress: EgressMode;
  readonly testsEgress: EgressMode;
  readonly settings: TaskSettings;
  readonly testsRef: string | null;
  readonly script: Task['script'];
  /** Paths in the sandbox to keep, relative to the working directory or absolute. */
  readonly artifacts: readonly string[];
}

/** A stored rollout with all that belongs to it. */
export interface StoredRollout {
  readonly row: RolloutRow;
  readonly generation: GenerationRow;
  readonly snapshot: SnapshotRow;
  readonly plan: RolloutPlan;
}

/**
 * Holds a request against its deployment. Throws `invalid_request` that names the field, or `deployment_not_ready`;
 * returns the rollout as it would be stored, with nothing made yet.
 */
export async function planRollout(
  store: Store,
  agents: AgentRegistry,
  deployment: DeploymentRow,
  request: RolloutRequest,
): Promise<PlannedRollout> {
  if (deployment.status !== 'ready' || deployment.readyGeneration === null) {
    throw new HarborError('deployment_not_ready', `deployment ${deployment.name} is ${deployment.status}, not ready`, {
      remedy:
        deployment.status === 'failed'
          ? 'Look at its build log, mend it and build again.'
          : 'Wait until its status is ready.',
    });
  }
  const generation = await store.deployments.generation(deployment.id, deployment.readyGeneration);
  const snapshot = await snapshotOf(store, generation);
  const plan = await derivePlan(store, agents, generation, snapshot, request);
  refuseUnpriced(plan.model, request);
  const id = request.rollout_id ?? ulid();
  return {
    id,
    organization: deployment.organization,
    deploymentId: deployment.id,
    deploymentName: deployment.name,
    generation: generation.generation,
    snapshotName: snapshot.name,
    traceCorrelationId: request.trace_correlation_id ?? id,
    comparison: request.comparison_id ?? null,
    seed: plan.seed,
    agent: plan.agent.name,
    model: plan.model?.name ?? null,
    request,
  };
}

/** Dollars can only be bounded where it is known beforehand what a call costs. */
function refuseUnpriced(model: ModelRef | null, { limits: { budget } }: RolloutRequest): void {
  if (budget?.usd === undefined) return;
  const why = whyUnpriced(model);
  if (why === null) return;
  throw invalid('limits.budget.usd', `cannot be kept: ${why}`, unpricedRemedy);
}

/** As for a rollout's own budget: of a batch's it says which policy's model has no known price. */
export function refuseUnpricedPolicy(request: RolloutRequest): void {
  const why = whyUnpriced(modelOf(request));
  if (why === null) return;
  throw invalid('policy.config.model', `budget.usd cannot be kept: ${why}`, unpricedRemedy);
}

const unpricedRemedy = 'Name a model with a price, or limit tokens or calls.';

function whyUnpriced(model: ModelRef | null): string | null {
  if (model === null) return 'no model is named';
  return isPriced(model, new Date()) ? null : `${model.name} has no known price`;
}

/** All that belongs to a rollout, for the activities that carry it out. */
export async function loadRollout(store: Store, agents: AgentRegistry, row: RolloutRow): Promise<StoredRollout> {
  const generation = await store.deployments.generation(row.deploymentId, row.generation);
  const snapshot = await snapshotOf(store, generation);
  return { row, generation, snapshot, plan: await derivePlan(store, agents, generation, snapshot, row.request) };
}

async function snapshotOf(store: Store, generation: GenerationRow): Promise<SnapshotRow> {
  const snapshot = generation.snapshotName === null ? undefined : await store.snapshots.find(generation.snapshotName);
  if (!snapshot) throw new HarborError('internal', `generation ${generation.generation} is ready without a snapshot`);
  return snapshot;
}

async function derivePlan(
  store: Store,
  agents: AgentRegistry,
  generation: GenerationRow,
  snapshot: SnapshotRow,
  request: RolloutRequest,
): Promise<RolloutPlan> {
  const seed = request.env.seed ?? request.seed ?? null;
  const task = await taskFor(store, generation, seed);
  const model = modelOf(request);
  const ownEntrypoint = !(asksForRunner(generation.entrypoint) && !snapshot.facts.hasRunRollout);
  const agent = ownEntrypoint ? agents.entrypoint : chooseAgent(agents, generation, request, model);
  const instruction = instructionOf(request.prompt_template, task?.instruction ?? null);
  if (!ownEntrypoint && instruction === null) {
    throw invalid(
      'prompt_template',
      'no instruction: neither the request nor the deployment has one',
      remedies.instruction,
    );
  }
  const settings = task?.settings ?? plainTask;
  return {
    agent,
    model,
    seed,
    instruction,
    timeoutSeconds: Math.min(
      request.limits.timeout_s ?? settings.agentTimeoutSeconds ?? generation.limits.timeout_s,
      request.safety?.max_time_s ?? Number.POSITIVE_INFINITY,
      limits.timeoutSeconds[1],
    ),
    agentEgress: request.egress.agent ?? generation.egress.agent ?? settings.agentEgress ?? 'open',
    testsEgress: request.egress.tests ?? generation.egress.tests ?? settings.testsEgress ?? 'open',
    settings,
    testsRef: task?.testsRef ?? null,
    script: task?.script ?? null,
    artifacts: [...new Set([...request.artifacts, ...(settings.artifacts ?? [])])],
  };
}

const remedies = {
  instruction: 'Give prompt_template.sections, or put an instruction.md into the context and build again.',
  model: 'Name one, e.g. policy.config.model = "gpt-5-mini".',
};

/** What holds for a deployment without tasks. */
const plainTask: TaskSettings = {
  format: 'plain',
  processes: 'kill',
  testsTimeoutSeconds: limits.testsTimeoutSeconds[2],
  testsEnv: {},
  sandboxEnv: {},
};

async function taskFor(store: Store, { deploymentId, generation, layout }: GenerationRow, seed: number | null) {
  const task = await store.deployments.task(deploymentId, generation, seed);
  if (task || layout !== 'seeds') return task;
  const seeds = await store.deployments.seeds(deploymentId, generation);
  const known = seeds.length > 12 ? `${seeds.slice(0, 12).join(', ')} and ${seeds.length - 12} more` : seeds.join(', ');
  throw invalid(
    'env.seed',
    seed === null
      ? `is missing; this deployment has the seeds ${known}`
      : `no task ${seed}; this deployment has the seeds ${known}`,
  );
}

/** `run_rollout …`: the one command for which Harbor has a runner of its own. */
function asksForRunner(entrypoint: string): boolean {
  return /^run_rollout(\s|$)/.test(entrypoint);
}

function modelOf({ policy, params }: RolloutRequest): ModelRef | null {
  const named = policy.config.model ?? params?.model;
  return named === undefined ? null : readModel(named, policy.config.provider);
}

function chooseAgent(
  agents: AgentRegistry,
  generation: GenerationRow,
  request: RolloutRequest,
  model: ModelRef | null,
): Agent {
  const fromMetadata = generation.metadata['agent_type'];
  const named =
    request.policy.config.agent ??
    request.params?.agent ??
    (typeof fromMetadata === 'string' ? fromMetadata : undefined);
  if (model === null) throw invalid('policy.config.model', 'is missing', remedies.model);
  const agent = named === undefined ? agents.forModel(model) : agents.byName(named);
  if (!agent) {
    throw named === undefined
      ? invalid('policy.config.model', `no agent here runs ${model.name}`, `Agents: ${agents.names.join(', ')}.`)
      : invalid('policy.config.agent', `${named} is not an agent here`, `Agents: ${agents.names.join(', ')}.`);
  }
  if (!agent.runsModel(model)) {
    const able = agents.names.filter((name) => agents.byName(name)?.runsModel(model));
    throw invalid('policy.config.model', `${agent.name} cannot run ${model.name}`, `Able: ${able.join(', ')}.`);
  }
  readSettings(toJsonObject(request.policy.config));
  return agent;
}
