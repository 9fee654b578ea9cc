import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  proxyActivities,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import {
  type Failure,
  failures,
  isFailureClass,
  mayRetry,
  retryDelaySeconds,
  type RetryPolicy,
} from '../model/failures.ts';
import type { AgentOutcome, Evaluation, Provisioned, RolloutInput, RolloutOutcome } from '../model/stages.ts';
import { failureOf } from './failure-of.ts';
import { RolloutDetails } from './rollout-details.ts';
import { seenToItsEnd } from './seen-to-its-end.ts';

/** Waits for a place as long as it takes; what else fails is decided by the failure table. */
const { provision } = proxyActivities<Activities>({
  ...seenToItsEnd,
  startToCloseTimeout: '30 minutes',
  heartbeatTimeout: '30 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
});

/**
 * These follow what runs in the sandbox, for as long as it runs there. A worker that dies is noticed within the heartbeat
 * timeout, and the next one goes on where it stopped; so the other timeout is only a last resort.
 */
const { runAgent, evaluate } = proxyActivities<Activities>({
  ...seenToItsEnd,
  startToCloseTimeout: '2 days',
  heartbeatTimeout: '10 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '15 seconds' },
});

/** These must happen, however often they have to be tried. */
const { teardown, close } = proxyActivities<Activities>({
  ...seenToItsEnd,
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '30 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
});

/** How one attempt went. What it did not reach is null. */
interface AttemptStory {
  readonly provisioned: Provisioned | null;
  readonly agent: AgentOutcome | null;
  readonly evaluation: Evaluation | null;
  readonly failure: Failure | null;
}

/**
 * One agent, one seed, one policy, one result. Attempts are made until one ends in a verdict or in a failure that another
 * attempt would not mend; then the result is committed and nothing is left behind.
 */
export async function rollout(input: RolloutInput): Promise<RolloutOutcome> {
  const rolloutId = rolloutIdOf(input);
  const details = new RolloutDetails(input);
  let attempt = 1;
  let story = await runAttempt(input, rolloutId, attempt, details);
  while (story.failure && mayRetry(story.failure.class, attempt, retryPolicyOf(input))) {
    const { failure } = story;
    // As when the worker that should have ended the agent was away: what the sandbox holds is still to be collected.
    if (CancellationScope.current().consideredCancelled) {
      story = { ...story, failure: { class: 'cancelled', message: 'cancelled' } };
      break;
    }
    const ended = { rolloutId, attempt, failure, final: false };
    await protectedly(() => teardown.executeWithOptions({ summary: 'Remove the sandbox' }, [ended]));
    details.failed(attempt, failure);
    if (!(await waitBeforeRetry(failure, attempt))) {
      story = { ...story, failure: { class: 'cancelled', message: 'cancelled between two attempts' } };
      break;
    }
    attempt += 1;
    story = await runAttempt(input, rolloutId, attempt, details);
  }

  const { failure, agent, evaluation } = story;
  details.closing(failure, evaluation);
  const summary = 'Commit the result, then remove the sandbox';
  const outcome = await protectedly(() =>
    close.executeWithOptions({ summary }, [{ rolloutId, attempt, failure, agent, evaluation }]),
  );
  details.ended(outcome);
  if (outcome.status === 'cancelled') throw new CancelledFailure('the rollout was cancelled');
  if (failure?.class === 'invalid_request') throw ApplicationFailure.nonRetryable(failure.message, failure.class);
  return outcome;
}

/** Chosen by the caller, or the id of this workflow's first run: never the same for two rollouts. */
function rolloutIdOf(input: RolloutInput): string {
  const chosen = input['rollout_id'];
  return typeof chosen === 'string' ? chosen : workflowInfo().firstExecutionRunId;
}

/** The request's own numbers of attempts; checked where it came in, or by the first activity. */
function retryPolicyOf(input: RolloutInput): RetryPolicy {
  const { retry } = input;
  if (typeof retry !== 'object' || retry === null || Array.isArray(retry)) return {};
  const known = Object.entries(retry).filter(([name, value]) => isFailureClass(name) && typeof value === 'number');
  return Object.fromEntries(known);
}

async function runAttempt(
  input: RolloutInput,
  rolloutId: string,
  attempt: number,
  details: RolloutDetails,
): Promise<AttemptStory> {
  const ref = { rolloutId, attempt };
  let provisioned: Provisioned | null = null;
  let agent: AgentOutcome | null = null;
  try {
    details.entered('provisioning', attempt);
    provisioned = await provision.executeWithOptions({ summary: 'Make the sandbox' }, [{ input, ...ref }]);
    details.entered('running', attempt, provisioned);
    agent = await runAgent.executeWithOptions({ summary: `Run ${provisioned.agent}` }, [ref]);
    details.agentEnded(agent);
    if (agent.failure && !failures[agent.failure.class].scored) {
      return { provisioned, agent, evaluation: null, failure: agent.failure };
    }
    details.entered('evaluating', attempt);
    const evaluation = await evaluate.executeWithOptions({ summary: 'Run the tests' }, [ref]);
    return { provisioned, agent, evaluation, failure: null };
  } catch (error) {
    return { provisioned, agent, evaluation: null, failure: failureOf(error) };
  }
}

/** False: cancelled meanwhile. */
async function waitBeforeRetry(failure: Failure, attempt: number): Promise<boolean> {
  try {
    await sleep(retryDelaySeconds(failure.class, attempt) * 1000, { summary: `Pause after ${failure.class}` });
    return true;
  } catch (error) {
    if (failureOf(error).class !== 'cancelled') throw error;
    return false;
  }
}

/** For what has to happen whether or not somebody cancelled. */
function protectedly<T>(work: () => Promise<T>): Promise<T> {
  return CancellationScope.nonCancellable(work);
}
