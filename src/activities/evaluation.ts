import { toFailure } from '../model/errors.ts';
import { sandboxName } from '../model/ids.ts';
import type { AttemptRef, Evaluation } from '../model/stages.ts';
import type { ActivityScope } from './activity.ts';
import type { ActivityDeps } from './deps.ts';
import { enter } from './enter.ts';
import { FileKeeper } from './kept-files.ts';
import { collectLeftovers } from './leftovers.ts';
import { ownResultOf } from './own-result.ts';
import { loadRollout, type StoredRollout } from './planning.ts';
import { outcomeOf, rewardsOf } from './rewards.ts';
import { verifierFolder } from './sandbox-layout.ts';
import { letGoIfLate } from './standing.ts';
import { type Judged, runTests } from './tests-run.ts';

/**
 * Judges what the agent left. Held-back tests, where the task has them, alone count; else what the image's own entrypoint
 * said of itself. A verdict that cannot be had is a failure with its class, never a 0.
 */
export async function evaluate(deps: ActivityDeps, ref: AttemptRef, scope: ActivityScope): Promise<Evaluation> {
  const { store } = deps;
  const rollout = await loadRollout(store, deps.agents, await enter(store, ref, 'evaluating', scope));
  const sandbox = sandboxName(ref.rolloutId, ref.attempt, 'agent');
  const keeps = rollout.plan.settings.processes === 'keep' && rollout.plan.testsRef !== null;
  if (!keeps) await quiesceOnce(deps, ref, sandbox, scope);
  const leftovers = await collectLeftovers(deps, rollout, ref, scope);
  const evaluation =
    rollout.plan.testsRef === null
      ? selfReported(leftovers.result)
      : await judge(deps, rollout, { ...ref, sandbox, testsRef: rollout.plan.testsRef }, scope, keeps);
  await store.attempts.mark(ref.rolloutId, ref.attempt, 'evaluatedAt');
  return evaluation;
}

/** Ends the agent's processes, before anything else runs in the sandbox. A try that comes later finds the tests there. */
async function quiesceOnce(
  { store, provider, client }: ActivityDeps,
  { rolloutId, attempt }: AttemptRef,
  sandbox: string,
  scope: ActivityScope,
): Promise<void> {
  if ((await store.attempts.find(rolloutId, attempt))?.quiescedAt) return;
  await letGoIfLate(client, scope);
  scope.report("ending the agent's processes");
  await provider.quiesce(sandbox, scope.signal);
  await store.attempts.mark(rolloutId, attempt, 'quiescedAt');
}

function selfReported(result: string | undefined): Evaluation {
  const own = result === undefined ? undefined : ownResultOf(result);
  if (own === undefined || own.reward === null) {
    return {
      reward: null,
      rewards: null,
      trust: null,
      failure: {
        class: 'no_reward',
        message:
          own === undefined
            ? 'no tests are held back for this task, and no result.json was written'
            : `result.json holds no number${own.error === null ? '' : `: ${own.error}`}`,
      },
    };
  }
  return { reward: own.reward, rewards: { reward: own.reward }, trust: 'self-reported', failure: null };
}

async function judge(
  deps: ActivityDeps,
  rollout: StoredRollout,
  judged: Judged,
  scope: ActivityScope,
  keeps: boolean,
): Promise<Evaluation> {
  const { settings } = rollout.plan;
  try {
    const exitCode = await runTests(deps, rollout, judged, scope);
    const files = await verdictFiles(deps, judged, scope.signal);
    const rewards = rewardsOf(files, settings.format, exitCode);
    return { reward: outcomeOf(rewards), rewards, trust: keeps ? 'shared-live' : 'quiesced', failure: null };
  } catch (error) {
    const failure = toFailure(error);
    if (!['verifier_failed', 'verifier_timeout', 'no_reward'].includes(failure.class)) throw error;
    return { reward: null, rewards: null, trust: null, failure };
  }
}

/** Only regular files: a link may point anywhere. All of them are kept as artifacts. */
async function verdictFiles(
  { store, provider }: ActivityDeps,
  { rolloutId, attempt, sandbox }: Judged,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Buffer>> {
  const tar = await provider.get(sandbox, verifierFolder, signal);
  return tar ? new FileKeeper(store, { rolloutId, attempt }).keepFolder(tar, 'verifier') : new Map();
}
