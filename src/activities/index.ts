import type { GcReport, GcRequest } from '../model/garbage.ts';
import type { BatchProgress, SteerRequest, TurnRequest } from '../model/batch-stages.ts';
import type {
  AgentOutcome,
  AttemptRef,
  BuildInput,
  CollectRequest,
  DeploymentInput,
  Evaluation,
  PreparedBuild,
  Provisioned,
  ProvisionRequest,
  RolloutOutcome,
  TeardownRequest,
} from '../model/stages.ts';
import { type ActivityOptions, type ActivityScope, activity } from './activity.ts';
import { runAgent } from './agent.ts';
import { reconcileBatch, turnBatch } from './batch.ts';
import { steerBatch } from './batch-steering.ts';
import { close } from './close.ts';
import type { ActivityDeps } from './deps.ts';
import { evaluate } from './evaluation.ts';
import { collectGarbage } from './garbage.ts';
import { reconcile, sweep } from './maintenance.ts';
import { provision, teardown } from './sandbox.ts';
import { buildSnapshot, endBuild, type EndBuildRequest, joinBuild, prepareBuild } from './snapshot.ts';

/** Everything that workflows can have done, by the names that their histories hold. */
export interface Activities {
  provision(request: ProvisionRequest): Promise<Provisioned>;
  runAgent(attempt: AttemptRef): Promise<AgentOutcome>;
  evaluate(attempt: AttemptRef): Promise<Evaluation>;
  teardown(request: TeardownRequest): Promise<void>;
  close(request: CollectRequest): Promise<RolloutOutcome>;
  prepareBuild(input: DeploymentInput): Promise<PreparedBuild>;
  joinBuild(input: DeploymentInput): Promise<void>;
  buildSnapshot(input: BuildInput): Promise<void>;
  endBuild(request: EndBuildRequest): Promise<void>;
  reconcile(): Promise<number>;
  sweep(): Promise<number>;
  collectGarbage(request: GcRequest): Promise<GcReport>;
  turnBatch(request: TurnRequest): Promise<BatchProgress>;
  steerBatch(request: SteerRequest): Promise<BatchProgress>;
  reconcileBatch(request: { readonly batchId: string }): Promise<void>;
}

export function createActivities(deps: ActivityDeps): Activities {
  const bind = <Input, Output>(
    work: (deps: ActivityDeps, input: Input, scope: ActivityScope) => Promise<Output>,
    options?: ActivityOptions,
  ) => activity((input: Input, scope) => work(deps, input, scope), options);
  const unasked = (work: (deps: ActivityDeps, scope: ActivityScope) => Promise<number>) => {
    const run = activity((_: undefined, scope) => work(deps, scope));
    return () => run(undefined);
  };

  return {
    provision: bind(provision),
    runAgent: bind(runAgent),
    evaluate: bind(evaluate),
    teardown: bind(teardown, { persistent: true }),
    close: bind(close, { persistent: true }),
    prepareBuild: bind(prepareBuild),
    joinBuild: bind(joinBuild),
    buildSnapshot: bind(buildSnapshot),
    endBuild: bind(endBuild, { persistent: true }),
    reconcile: unasked(reconcile),
    sweep: unasked(sweep),
    collectGarbage: bind((own, request: GcRequest, scope) => collectGarbage(own, request, scope)),
    turnBatch: bind(turnBatch),
    steerBatch: bind(steerBatch),
    reconcileBatch: bind(reconcileBatch),
  };
}
