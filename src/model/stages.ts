/**
 * What passes between workflows and their activities. Small plain JSON: everything large lies in the store, by id. Free
 * of zod and of Node, so that workflows may use it.
 */
import type { Failure } from './failures.ts';
import type { JsonObject } from './json.ts';
import type { RolloutStatus, Trust, Usage } from './rollout.ts';

/**
 * Input of the workflow type `rollout`, as any Temporal SDK may send it: a rollout request with `deployment` (id or
 * name) and, if need be, `organization`. Where the store knows its `rollout_id`, the request stored there counts.
 */
export type RolloutInput = JsonObject;

/** Result of the workflow type `rollout`. */
export interface RolloutOutcome {
  readonly rollout_id: string;
  readonly status: RolloutStatus;
  readonly reward: number | null;
  readonly failure: Failure | null;
  readonly usage: Usage;
}

export interface ProvisionRequest extends AttemptRef {
  readonly input: RolloutInput;
}

/** A rollout that has a place and, for this attempt, a sandbox. */
export interface Provisioned {
  readonly organization: string;
  readonly deployment: string;
  readonly seed: number | null;
  readonly agent: string;
  readonly model: string | null;
  readonly sandbox: string;
}

export interface AttemptRef {
  readonly rolloutId: string;
  readonly attempt: number;
}

/** How the agent's phase ended. */
export interface AgentOutcome {
  /** null where it never wrote one: killed, timed out, lost. */
  readonly exitCode: number | null;
  readonly failure: Failure | null;
  readonly llmCalls: number;
  readonly peakMemoryMb: number | null;
  readonly cpuSeconds: number | null;
  readonly oomKills: number | null;
}

/** What the tests, or in their absence the entrypoint, said. */
export interface Evaluation {
  readonly reward: number | null;
  readonly rewards: Readonly<Record<string, number>> | null;
  readonly trust: Trust | null;
  readonly failure: Failure | null;
}

export interface CollectRequest extends AttemptRef {
  readonly failure: Failure | null;
  readonly agent: AgentOutcome | null;
  readonly evaluation: Evaluation | null;
}

export interface TeardownRequest extends AttemptRef {
  readonly failure: Failure | null;
  /** No further attempt follows: the place for a running rollout is given back. */
  readonly final: boolean;
}

/** Input of the workflow type `deployment`: one upload or rebuild. */
export interface DeploymentInput {
  readonly deploymentId: string;
  readonly name: string;
  readonly generation: number;
  readonly buildId: string;
}

/** What a deployment's content comes to, once the images that it starts from are known. */
export interface PreparedBuild {
  readonly snapshotName: string;
  /** The provider has it already: nothing to build. */
  readonly ready: boolean;
}

/** Input of the workflow type `build`: one snapshot, whoever asks for it. */
export interface BuildInput {
  readonly provider: string;
  readonly snapshotName: string;
  /** A generation that holds this content; others may hold it too. */
  readonly deploymentId: string;
  readonly generation: number;
}
