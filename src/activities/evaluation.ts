import { HarborError, toFailure } from '../model/errors.ts';
import { attemptKey, sandboxName } from '../model/ids.ts';
import type { AttemptRef, Evaluation } from '../model/stages.ts';
import type { CommandEnd } from '../sandboxes/provider.ts';
import type { ActivityScope } from './activity.ts';
import { AttemptOutput } from './attempt-output.ts';
import type { ActivityDeps } from './deps.ts';
import { enter } from './enter.ts';
import { FileKeeper } from './kept-files.ts';
import { collectLeftovers } from './leftovers.ts';
import { ownResultOf } from './own-result.ts';
import { loadRollout, type StoredRollout } from './planning.ts';
import { outcomeOf, rewardsOf } from './rewards.ts';
import { harborFolder, testsFolder, verifierFolder } from './sandbox-layout.ts';
import { hasToStop, isLetGo, standingOf } from './standing.ts';
import { renamedTar } from './tar-files.ts';

/**
 * Judges what the agent left. Held-back tests, where the task has them, alone count; else what the image's own entrypoint
 * said of itself. A verdict that cannot be had is a failure with its class, never a 0.
 */
export async function evaluate(deps: ActivityDeps, ref: AttemptRef, scope: ActivityScope): Promise<Evaluation> {
  const { store, provider } = deps;
  const rollout = await loadRollout(store, deps.agents, await enter(store, ref, 'evaluating', scope));
  const sandbox = sandboxName(ref.rolloutId, ref.attempt, 'agent');
  const keeps = rollout.plan.settings.processes === 'keep' && rollout.plan.testsRef !== null;
  if (!keeps) {
    scope.report("ending the agent's processes");
    await provider.quiesce(sandbox, scope.signal);
  }
  const leftovers = await collectLeftovers(deps, rollout, ref, scope);
  const evaluation =
    rollout.plan.testsRef === null
      ? selfReported(leftovers.result)
      : await judge(deps, rollout, { ...ref, sandbox, testsRef: rollout.plan.testsRef }, scope, keeps);
  await store.attempts.mark(ref.rolloutId, ref.attempt, 'evaluatedAt');
  return evaluation;
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

interface Judged extends AttemptRef {
  readonly sandbox: string;
  readonly testsRef: string;
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

/**
 * Puts the tests where nobody could have prepared their coming (under a name that the agent cannot know, moved to /tests
 * once that is cleared) and runs them. Whatever lay in /tests and /logs/verifier before counts for nothing.
 */
async function runTests(
  deps: ActivityDeps,
  rollout: StoredRollout,
  { rolloutId, attempt, sandbox, testsRef }: Judged,
  scope: ActivityScope,
): Promise<number> {
  const { store, provider } = deps;
  const { settings, seed, testsEgress, agentEgress } = rollout.plan;
  const nonce = deps.unguessable(`tests ${attemptKey(rolloutId, attempt)}`);
  const output = await AttemptOutput.continue(store, { rolloutId, attempt }, 'tests');
  const command = (id: string, script: string, user: string, signal: AbortSignal) =>
    provider.run(sandbox, {
      id,
      argv: ['sh', '-c', script],
      env: { ...settings.sandboxEnv, ...settings.testsEnv, ...(seed === null ? {} : { HARBOR_SEED: String(seed) }) },
      user,
      offset: output.length,
      onOutput: (chunk) => output.write(chunk),
      signal,
    });

  scope.report('putting the tests in');
  if (testsEgress !== agentEgress) await provider.setEgress(sandbox, testsEgress, scope.signal);
  const tests = renamedTar(await store.blobs.open(testsRef), (name) => `${nonce}/${name}`);
  await provider.put(sandbox, harborFolder, tests, scope.signal);
  const testsUser = settings.testsUser ?? '0';
  const staged = await command(`stage-${nonce}`, stage(nonce, testsUser), '0', scope.signal);
  if (staged.kind !== 'exited' || staged.exitCode !== 0) {
    await output.finish();
    throw new HarborError('verifier_failed', `the tests could not be put in their place: ${output.tail.slice(-500)}`);
  }

  scope.report('running the tests');
  const end = await withinTime(deps, sandbox, settings.testsTimeoutSeconds, scope, async (signal) => {
    try {
      return await command(`tests-${nonce}`, runTestScript, testsUser, signal);
    } finally {
      if (isLetGo(scope.signal)) await output.flush();
      else await output.finish();
    }
  });
  if (end.kind === 'cut-off') throw new HarborError('verifier_failed', 'the tests were killed from outside');
  return end.exitCode;
}

/** The agent may have prepared these places: links, files of other users, whole folders. */
const stage = (nonce: string, user: string): string => `
set -e
rm -rf ${testsFolder} ${verifierFolder}
mkdir -p ${verifierFolder}
mv ${harborFolder}/${nonce} ${testsFolder}
chmod -R u+rwX,go+rX ${testsFolder}
if [ '${user}' != 0 ]; then chown -R '${user}' ${verifierFolder}; fi
if [ ! -f ${testsFolder}/test.sh ]; then echo 'the held-back tests have no test.sh'; exit 1; fi
chmod 755 ${testsFolder}/test.sh`;

/** A script without a first line that names its shell is run by sh, as the kernel's own refusal would be misread. */
const runTestScript = `
case "$(head -c 2 ${testsFolder}/test.sh)" in '#!') exec ${testsFolder}/test.sh ;; *) exec sh ${testsFolder}/test.sh ;; esac`;

async function withinTime(
  { provider, client }: ActivityDeps,
  sandbox: string,
  seconds: number,
  scope: ActivityScope,
  run: (signal: AbortSignal) => Promise<CommandEnd>,
): Promise<CommandEnd> {
  const { signal } = scope;
  const deadline = AbortSignal.timeout(seconds * 1000);
  try {
    return await run(AbortSignal.any([signal, deadline]));
  } catch (error) {
    const isUp = deadline.aborted && !signal.aborted && (await standingOf(client, scope)) !== 'superseded';
    if (!isUp && !(await hasToStop(client, scope))) throw error;
    await provider.quiesce(sandbox, new AbortController().signal);
    if (signal.aborted) throw error;
    throw new HarborError('verifier_timeout', `the tests were stopped after ${seconds} seconds`, { cause: error });
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
