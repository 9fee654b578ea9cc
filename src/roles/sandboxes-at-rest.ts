import type { Logger } from 'pino';
import { errorText } from '../model/errors.ts';
import type { SandboxProvider } from '../sandboxes/provider.ts';
import type { AttemptRow } from '../store/attempts.ts';
import type { Store } from '../store/store.ts';

interface Parts {
  readonly store: Store;
  readonly provider: SandboxProvider;
  readonly logger: Logger;
}

/**
 * Freezes the sandboxes of open rollouts before their interceptor goes, so that no agent runs into its absence. The pause
 * is noted first: an agent whose worker died in between has its time back either way.
 */
export async function pauseSandboxes({ store, provider, logger }: Parts): Promise<number> {
  return forEachAttempt(store, 'open', logger, 'pause', async ({ rolloutId, attempt, sandboxName }) => {
    if (!(await provider.find(sandboxName, new AbortController().signal))) return false;
    await store.attempts.setPaused(rolloutId, attempt);
    await provider.pause(sandboxName);
    return true;
  });
}

/** Thaws what {@link pauseSandboxes} froze, also where the one that froze it died over it. */
export async function resumeSandboxes({ store, provider, logger }: Parts): Promise<number> {
  return forEachAttempt(store, 'open', logger, 'resume', async ({ rolloutId, attempt, sandboxName, pausedAt }) => {
    if (pausedAt === null) return false;
    if (await provider.find(sandboxName, new AbortController().signal)) await provider.resume(sandboxName);
    await store.attempts.setResumed(rolloutId, attempt);
    return true;
  });
}

/** Removes what rollouts that are closed still have: their tear-down, which was cut off, finds it done. */
export async function removeUsedSandboxes({ store, provider, logger }: Parts): Promise<number> {
  return forEachAttempt(store, 'closed', logger, 'remove', async ({ sandboxName }) => {
    await provider.destroy(sandboxName);
    return true;
  });
}

/** One sandbox that cannot be had is its own rollout's business and must not keep the others. */
async function forEachAttempt(
  store: Store,
  rollouts: 'open' | 'closed',
  logger: Logger,
  what: string,
  work: (attempt: AttemptRow) => Promise<boolean>,
): Promise<number> {
  const attempts = await store.attempts.notEnded(rollouts);
  const done = await Promise.all(
    attempts.map((attempt) =>
      work(attempt).catch((error: unknown) => {
        logger.warn({ sandbox: attempt.sandboxName, error: errorText(error) }, `cannot ${what} a sandbox`);
        return false;
      }),
    ),
  );
  return done.filter(Boolean).length;
}
