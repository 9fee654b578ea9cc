import type { Failure } from './failures.ts';
import type { JsonObject } from './json.ts';
import type { Timings, Trust, Usage } from './rollout.ts';

/** What a rollout came to: written once when it closes, never changed. */
export interface RolloutResult {
  readonly failure: Failure | null;
  /** The number that counts. null where no test result exists; never 0 instead. */
  readonly reward: number | null;
  /** All named numbers that the tests gave. */
  readonly rewards: Readonly<Record<string, number>> | null;
  readonly trust: Trust | null;
  readonly selfReported: boolean;
  /** What an own entrypoint, or the tests' reports, said besides. */
  readonly details: JsonObject;
  readonly exitCode: number | null;
  readonly attempts: number;
  readonly usage: Usage;
  readonly timings: Timings;
  readonly resources: Resources;
}

/** What the sandbox was given and what it used; null where it could not be measured. */
export interface Resources {
  readonly cpuCores: number | null;
  readonly memoryMb: number | null;
  readonly diskMb: number | null;
  readonly peakMemoryMb: number | null;
  readonly cpuSeconds: number | null;
  readonly oomKills: number | null;
}
