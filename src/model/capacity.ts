/** How much may be going on at once on one provider. */
export interface Capacity {
  /** Rollouts that hold a place. */
  readonly running: number;
  /** Of these, those whose sandbox is being made. */
  readonly starting: number;
  /** Sum of the rollouts' `limits.cpu_cores`. */
  readonly cpuCores: number;
  /** Sum of the rollouts' `limits.memory_mb`. */
  readonly memoryMb: number;
}

/** What a provider has: a machine's cores and memory, or a quota. */
export interface ProviderCapacity {
  readonly cpuCores: number;
  readonly memoryMb: number;
}

/** To who sees no provider, only what an operator has said is a bound; what is beyond the others' waits in their queue. */
export const unknownProvider: ProviderCapacity = { cpuCores: 1_000_000, memoryMb: 1_000_000_000 };

/** What an operator has said; what is left out follows from the provider. */
export interface CapacitySettings {
  readonly running: number | undefined;
  readonly starting: number | undefined;
  readonly memoryMb: number | undefined;
}

/** Agents mostly wait for their model: more of them than cores keep a machine busy without crowding it. */
const runningPerCore = 4;
/** A limit says what a sandbox may use at its worst hour, and few have it at the same time. */
const cpuOvercommit = 8;
const memoryOvercommit = 2;
/** Part of the provider's memory that is Harbor's own, Temporal's and the engine's. */
const memoryReserve = 0.1;

/** An operator's number of running rollouts is taken at its word: then cores, which can be shared, limit nothing further. */
export function capacityOf({ cpuCores, memoryMb }: ProviderCapacity, settings: CapacitySettings): Capacity {
  const running = settings.running ?? Math.max(1, Math.floor(runningPerCore * cpuCores));
  return {
    running,
    starting: settings.starting ?? Math.max(1, Math.floor(runningPerCore * cpuCores)),
    cpuCores: settings.running === undefined ? cpuOvercommit * cpuCores : Number.MAX_SAFE_INTEGER,
    memoryMb: settings.memoryMb ?? Math.floor(memoryMb * (1 - memoryReserve) * memoryOvercommit),
  };
}
