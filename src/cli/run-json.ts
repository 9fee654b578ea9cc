import { errorText } from '../model/errors.ts';
import type { RolloutResponse } from '../model/responses.ts';
import { isScored, meanReward } from './rollout-summary.ts';
import type { TrackedRollout } from './tracked-rollouts.ts';

export interface RunJson {
  readonly deployment_id: string;
  readonly total: number;
  readonly successful: number;
  readonly failed: number;
  /** null where no rollout earned a number. */
  readonly mean_reward: number | null;
  readonly results: readonly RunResult[];
}

interface RunResult {
  readonly seed: number;
  /** Where several are compared. */
  readonly policy?: string;
  readonly success: boolean;
  readonly id: string;
  readonly status: string;
  readonly reward?: number;
  readonly error?: string;
  readonly failure?: RolloutResponse['failure'];
  readonly response?: RolloutResponse;
}

/** The existing client's form, with `id`, `status` and `failure` beside it. `success`: a number was earned. */
export function runJson(deployment: string, rollouts: readonly TrackedRollout[]): RunJson {
  const successful = rollouts.filter(isScored).length;
  return {
    deployment_id: deployment,
    total: rollouts.length,
    successful,
    failed: rollouts.length - successful,
    mean_reward: meanReward(rollouts),
    results: rollouts.map(resultOf),
  };
}

function resultOf({ id, seed, policy, state, latest, error }: TrackedRollout): RunResult {
  const head = { seed, ...(policy && { policy: policy.label }), id, status: state };
  const reward = latest?.reward_info.outcome_reward ?? null;
  if (latest && reward !== null) return { ...head, success: true, reward, failure: latest.failure, response: latest };
  return {
    ...head,
    success: false,
    error: error === undefined ? (latest?.error ?? latest?.failure?.message ?? `it is ${state}`) : errorText(error),
    failure: latest?.failure ?? null,
    ...(latest && { response: latest }),
  };
}
