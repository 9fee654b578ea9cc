import { type FailureClass, failures, isFailureClass } from '../model/failures.ts';

/** What somebody can do about a rollout that ended this way. */
const advice: Readonly<Record<FailureClass, string>> = {
  invalid_request: 'Change what the message names and start it again.',
  deployment_not_ready: 'Wait for its build: `harbor status NAME --wait`.',
  build_failed: 'Mend the Dockerfile and upload it again with --replace.',
  capacity: 'Start it again later, or let the server run more at once (HARBOR_MAX_RUNNING).',
  sandbox_failed: 'Look at the container engine (`harbor doctor`) and start it again.',
  sandbox_lost: 'Something removed the sandbox from outside; start it again.',
  out_of_memory: 'Give the deployment more memory: `harbor upload --memory`.',
  disk_full: "Raise the deployment's limits.disk_mb, or let the task write less.",
  agent_failed: 'Read what it said: `harbor rollout logs ID`.',
  agent_unsupported: 'Change the image so that the agent can run in it, as the message says.',
  agent_timeout: 'Give it more time with --timeout, or see where it went: `harbor rollout trace ID`.',
  budget_exhausted: 'Raise the budget, or see what it was spent on: `harbor rollout trace ID`.',
  model_provider_failed: 'Look at the calls that failed: `harbor rollout trace ID`; check the key and the model.',
  verifier_failed: 'Read what the tests said: `harbor rollout logs ID --tests`.',
  verifier_timeout: 'Give the tests more time, or see where they hang: `harbor rollout logs ID --tests`.',
  no_reward: 'Let the tests leave a verdict: exit code 0 or 1, or a file in /logs/verifier.',
  cancelled: 'Start it again if it was not meant to end.',
  internal: "Look into the server's log; if it happens again, it is a bug in Harbor.",
};

export interface FailureStory {
  readonly meaning: string;
  readonly advice: string;
}

/** A failure class in words; `id` is the rollout's. A class that this client does not know yet has none. */
export function explainFailure(failureClass: string, id: string): FailureStory | undefined {
  if (!isFailureClass(failureClass)) return undefined;
  return { meaning: failures[failureClass].meaning, advice: advice[failureClass].replaceAll(' ID', ` ${id}`) };
}
