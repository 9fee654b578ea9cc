import { HarborError } from '../model/errors.ts';
import { attemptKey } from '../model/ids.ts';
import type { AttemptRef } from '../model/stages.ts';
import type { CommandEnd } from '../sandboxes/provider.ts';
import type { AttemptRow } from '../store/attempts.ts';
import type { ActivityScope } from './activity.ts';
import { AttemptOutput } from './attempt-output.ts';
import type { ActivityDeps } from './deps.ts';
import type { StoredRollout } from './planning.ts';
import { harborFolder, testsFolder, verifierFolder } from './sandbox-layout.ts';
import { hasToStop, isLetGo, standingOf } from './standing.ts';
import { renamedTar } from './tar-files.ts';
import { leastLookMs, millisecondsLeft } from './time-left.ts';

/** An attempt that is judged by held-back tests. */
export interface Judged extends AttemptRef {
  readonly sandbox: string;
  readonly testsRef: string;
}

/**
 * Puts the tests where nobody could have prepared their coming (under a name that the agent cannot know, moved to /tests
 * once that is cleared) and runs them. Whatever lay in /tests and /logs/verifier before counts for nothing.
 */
export async function runTests(
  deps: ActivityDeps,
  rollout: StoredRollout,
  { rolloutId, attempt, sandbox, testsRef }: Judged,
  scope: ActivityScope,
): Promise<number> {
  const { store, provider } = deps;
  const { settings, seed, testsEgress, agentEgress } = rollout.plan;
  const nonce = deps.unguessable(`tests ${attemptKey(rolloutId, attempt)}`);
  const output = await AttemptOutput.continue(store, { rolloutId, attempt }, 'tests');
  const command = (id: string, script: string, user: string, offset: number, signal: AbortSignal) =>
    provider.run(sandbox, {
      id,
      argv: ['sh', '-c', script],
      env: { ...settings.sandboxEnv, ...settings.testsEnv, ...(seed === null ? {} : { HARBOR_SEED: String(seed) }) },
      user,
      offset,
      onOutput: (chunk) => output.write(chunk),
      signal,
    });

  scope.report('putting the tests in');
  if (testsEgress !== agentEgress) await provider.setEgress(sandbox, testsEgress, scope.signal);
  const tests = renamedTar(await store.blobs.open(testsRef), (name) => `${nonce}/${name}`);
  await provider.put(sandbox, harborFolder, tests, scope.signal);
  const testsUser = settings.testsUser ?? '0';
  const staged = await command(`stage-${nonce}`, stage(nonce, testsUser), '0', output.length, scope.signal);
  refuseAnew(staged);
  if (staged.kind !== 'exited' || staged.exitCode !== 0) {
    await output.finish();
    throw new HarborError('verifier_failed', `the tests could not be put in their place: ${output.tail.slice(-500)}`);
  }

  scope.report('running the tests');
  const begun = await store.attempts.mark(rolloutId, attempt, 'testsStartedAt');
  const end = await withinTime(deps, begun, settings.testsTimeoutSeconds, scope, async (signal) => {
    try {
      return await command(`tests-${nonce}`, runTestScript, testsUser, output.length - staged.outputBytes, signal);
    } finally {
      if (isLetGo(scope.signal)) await output.flush();
      else await output.finish();
    }
  });
  if (end.kind === 'exited') return end.exitCode;
  // The worker that stopped them did not live to say so.
  if (testsMsLeft(begun, settings.testsTimeoutSeconds) <= 0) throw timedOut(settings.testsTimeoutSeconds);
  refuseAnew(end);
  throw new HarborError('verifier_failed', 'the tests were killed from outside');
}

/** As by a worker that meant to end the agent, and slept or was cut off just before it did: no fault of the tests. */
function refuseAnew(end: CommandEnd): void {
  if (end.kind === 'exited' || !end.startedAnew) return;
  throw new HarborError('sandbox_lost', 'the sandbox was started anew while the tests ran in it');
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

/** Time that the tests have left. */
const testsMsLeft = ({ testsStartedAt, pausedMs, pausedBeforeTestsMs }: AttemptRow, seconds: number): number =>
  millisecondsLeft(seconds, testsStartedAt, pausedMs - pausedBeforeTestsMs);

const timedOut = (seconds: number, cause?: unknown): HarborError =>
  new HarborError('verifier_timeout', `the tests were stopped after ${seconds} seconds`, { cause });

async function withinTime(
  { provider, client }: ActivityDeps,
  row: AttemptRow,
  seconds: number,
  scope: ActivityScope,
  run: (signal: AbortSignal) => Promise<CommandEnd>,
): Promise<CommandEnd> {
  const { signal } = scope;
  const deadline = AbortSignal.timeout(Math.max(leastLookMs, testsMsLeft(row, seconds)));
  try {
    return await run(AbortSignal.any([signal, deadline]));
  } catch (error) {
    const isUp = deadline.aborted && !signal.aborted && (await standingOf(client, scope)) !== 'superseded';
    if (!isUp && !(await hasToStop(client, scope))) throw error;
    await provider.quiesce(row.sandboxName, new AbortController().signal);
    if (signal.aborted) throw error;
    throw timedOut(seconds, error);
  }
}
