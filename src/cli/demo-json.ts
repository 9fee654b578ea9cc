import type { RolloutResponse } from '../model/responses.ts';
import type { TrackedRollout } from './tracked-rollouts.ts';

export interface DemoJson {
  readonly rollouts: readonly DemoRollout[];
}

interface DemoRollout {
  readonly seed: number;
  readonly agent: string | null;
  /** null where none was earned. */
  readonly reward: number | null;
  readonly llmCalls: number;
  readonly id: string;
  readonly status: string;
  readonly failure: RolloutResponse['failure'];
  readonly tokens: { readonly input: number; readonly cached: number; readonly output: number };
  readonly costUsd: number | null;
  readonly timings: RolloutResponse['timings'] | null;
}

/** What the demo came to, for machines. */
export function demoJson(rollouts: readonly TrackedRollout[]): DemoJson {
  return {
    rollouts: rollouts.map(({ id, seed, state, latest }) => ({
      seed,
      agent: latest?.agent ?? null,
      reward: latest?.reward_info.outcome_reward ?? null,
      llmCalls: latest?.usage.llm_calls ?? 0,
      id,
      status: state,
      failure: latest?.failure ?? null,
      tokens: {
        input: latest?.usage.input_tokens ?? 0,
        cached: latest?.usage.cached_tokens ?? 0,
        output: latest?.usage.output_tokens ?? 0,
      },
      costUsd: latest?.usage.cost_usd ?? null,
      timings: latest?.timings ?? null,
    })),
  };
}
