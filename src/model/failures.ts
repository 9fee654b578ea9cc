/**
 * The one exhaustive table of everything that can go wrong, and what follows from it. Free of zod and of Node, so that
 * workflows may use it.
 */

/** What the existing Python client knows as `success_status`: it speaks of the run, never of the reward. */
export type SuccessStatus = 'success' | 'failure' | 'timeout' | 'network_error' | 'runtime_error' | 'apply_failed';

export interface FailureRow {
  /** Whose doing it is. A fault of ours or of a provider never counts against the agent. */
  readonly fault: 'caller' | 'agent' | 'environment' | 'provider' | 'harbor' | 'nobody';
  /** Attempts in all that a rollout may make when it ends this way; 1 means that it is not retried. */
  readonly attempts: number;
  /** Whether the tests still run after it and their reward counts. */
  readonly scored: boolean;
  /** Status of the synchronous route when the rollout ends this way without a reward. */
  readonly httpStatus: number;
  readonly successStatus: SuccessStatus;
  /** One sentence for people: what it means. */
  readonly meaning: string;
}

const row = (
  fault: FailureRow['fault'],
  attempts: number,
  scored: boolean,
  httpStatus: number,
  successStatus: SuccessStatus,
  meaning: string,
): FailureRow => ({ fault, attempts, scored, httpStatus, successStatus, meaning });

export const failures = {
  invalid_request: row('caller', 1, false, 400, 'apply_failed', 'The request cannot be carried out as it stands.'),
  deployment_not_ready: row('caller', 1, false, 409, 'apply_failed', 'The deployment has no snapshot yet.'),
  build_failed: row('environment', 1, false, 409, 'runtime_error', 'The Dockerfile did not build.'),
  capacity: row('harbor', 1, false, 429, 'runtime_error', 'All places for running rollouts are taken.'),
  sandbox_failed: row('provider', 3, false, 424, 'runtime_error', 'The sandbox could not be made or used.'),
  sandbox_lost: row('provider', 3, false, 424, 'runtime_error', 'The sandbox vanished while it was in use.'),
  out_of_memory: row('environment', 1, false, 424, 'runtime_error', 'The sandbox ran out of its memory limit.'),
  disk_full: row('environment', 1, false, 424, 'runtime_error', 'The sandbox ran out of its disk limit.'),
  agent_failed: row('agent', 1, true, 424, 'failure', 'The agent ended with an error of its own.'),
  agent_unsupported: row('environment', 1, false, 424, 'runtime_error', 'The image cannot run the agent.'),
  agent_timeout: row('agent', 1, true, 424, 'timeout', 'The agent used up its time.'),
  budget_exhausted: row('agent', 1, true, 424, 'failure', 'The agent used up its budget.'),
  model_provider_failed: row('provider', 2, false, 424, 'network_error', 'The LLM provider refused or broke off.'),
  verifier_failed: row('environment', 1, false, 424, 'runtime_error', 'The tests broke before they could judge.'),
  verifier_timeout: row('environment', 1, false, 424, 'timeout', 'The tests used up their time.'),
  no_reward: row('environment', 1, false, 424, 'runtime_error', 'The run ended without any test result.'),
  cancelled: row('nobody', 1, false, 424, 'failure', 'Somebody cancelled it.'),
  internal: row('harbor', 2, false, 424, 'runtime_error', 'Harbor itself failed.'),
} as const satisfies Record<string, FailureRow>;

export type FailureClass = keyof typeof failures;

/** Faults of ours or of a provider: what they cost says nothing about the agent. */
export const infrastructureClasses: readonly FailureClass[] = Object.keys(failures)
  .filter(isFailureClass)
  .filter((name) => ['harbor', 'provider'].includes(failures[name].fault));

export function isFailureClass(value: unknown): value is FailureClass {
  return typeof value === 'string' && Object.hasOwn(failures, value);
}

/** Attempts in all after failures of some class, where a request wants other numbers than the table's. */
export type RetryPolicy = Readonly<Partial<Record<FailureClass, number>>>;

/** Whether a rollout whose attempt number `attempt` (from 1) ended in `failure` gets another one. */
export function mayRetry(failure: FailureClass, attempt: number, policy: RetryPolicy = {}): boolean {
  return attempt < (policy[failure] ?? failures[failure].attempts);
}

/** Seconds to wait before attempt `attempt + 1`: 2, 4, 8 … at most 30, longer where a provider needs to recover. */
export function retryDelaySeconds(failure: FailureClass, attempt: number): number {
  const base = failures[failure].fault === 'provider' ? 2 : 1;
  return Math.min(30, base * 2 ** attempt);
}

/** A failure as it travels: from activity to workflow to the result row. */
export interface Failure {
  readonly class: FailureClass;
  /** What happened, for people. Never holds a secret. */
  readonly message: string;
}
