/** Every number a caller can run into, in one place; the API documents them from here. */
export const limits = {
  /** Characters of a deployment's name. */
  nameLength: 128,
  /** Bytes of a context archive as it is sent (tar.gz), decoded from base64. The existing client's own limit. */
  contextBytes: 100 * 1024 * 1024,
  /** Bytes of a context once unpacked. Guards against archives that blow up. */
  contextUnpackedBytes: 2 * 1024 * 1024 * 1024,
  /** Entries of a context archive. */
  contextEntries: 200_000,
  dockerfileBytes: 1024 * 1024,
  /** Bytes of any JSON body, less the archive it may carry. */
  jsonBodyBytes: 3 * 1024 * 1024,
  instructionBytes: 512 * 1024,
  /** A task's number: 32 bits hold it. */
  seed: [-(2 ** 31 - 1), 2 ** 31 - 1],
  /** Instances that one request makes: [least, most, default]; the default is the existing client's. */
  instances: [1, 10_000, 100],
  envVars: 100,
  envVarValueBytes: 32 * 1024,
  /** Agent seconds, cores, MiB and MiB: [least, most, default]; the existing client's documented ranges. */
  timeoutSeconds: [30, 3600, 300],
  cpuCores: [1, 8, 2],
  memoryMb: [512, 32_768, 4096],
  diskMb: [1024, 102_400, 10_240],
  /** US dollars [least, most], tokens and calls that a budget may name. */
  budgetUsd: [0.000_001, 100_000],
  budgetTokens: 1_000_000_000_000,
  budgetCalls: 1_000_000_000,
  /** Seconds for the tests where the task names none, and at most. */
  testsTimeoutSeconds: [1, 7200, 600],
  /** Policies that one request may compare. */
  policies: 8,
  /** Rollouts that one batch may plan, and how many of it may be open at once: [least, most, default]. */
  batchRollouts: 100_000,
  batchConcurrency: [1, 1000, 8],
  batchSamples: [1, 1000, 1],
  /** Bytes of a batch's request less its seeds: each of its rollouts keeps a copy. */
  batchRequestBytes: 256 * 1024,
  /** Attempts that a request may ask for after a failure of some class. */
  retryAttempts: 10,
  /** Seconds a synchronous rollout waits for a place before 429. */
  capacityWaitSeconds: 30,
  listPage: [1, 500, 50],
  /** Characters of an Idempotency-Key, and hours for which one is kept. */
  idempotencyKeyLength: 255,
  idempotencyKeyHours: 24,
  /** Seconds for which the result of a rollout that could not be handed over is there for the request's repeat. */
  undeliveredSeconds: 60,
  /** Bytes of result.json or a reward file that are read. */
  resultBytes: 1024 * 1024,
  /** Artifacts that a request may name, and files that its tests may leave; bytes of each, and of all of an attempt. */
  artifacts: 100,
  artifactBytes: 256 * 1024 * 1024,
  artifactsBytes: 1024 * 1024 * 1024,
  artifactPathLength: 1024,
  /** Changed files that a diff shows in full, and bytes of each. */
  diffFiles: 200,
  diffFileBytes: 1024 * 1024,
} as const;
