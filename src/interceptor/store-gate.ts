import { setTimeout as sleep } from 'node:timers/promises';
import type { AttemptGate } from '../activities/deps.ts';
import { type GrantStore, type LeaseHolder, leaseSeconds } from '../store/grants.ts';
import { mintToken } from './tokens.ts';

/** Milliseconds between looks whether all interceptors have answered. */
const lookMs = 100;

/**
 * Seconds of silence after which the calls of an interceptor are not waited for any more: longer than it is away where it
 * or the database is restarted. Its next start brings them into the store.
 */
const drainPatienceSeconds = 60;

export interface StoreGateOptions {
  readonly grants: GrantStore;
  readonly installationSecret: string;
}

/** The interceptors of any number of machines, as an attempt sees them: grants are rows, revocations are acknowledged. */
export function storeGate({ grants, installationSecret }: StoreGateOptions): AttemptGate {
  const revokeAndWait = async (
    rolloutId: string,
    attempt: number,
    signal: AbortSignal,
    isDone: (holder: LeaseHolder) => boolean,
  ) => {
    await grants.revoke({ rolloutId, attempt });
    while (!(await grants.holders({ rolloutId, attempt })).every(isDone)) {
      await sleep(lookMs, undefined, { signal });
    }
  };

  return {
    token: (rolloutId, attempt) => mintToken(installationSecret, rolloutId, attempt),
    grant: (grant) => grants.grant(grant),
    revoke: (rolloutId, attempt, signal) =>
      revokeAndWait(
        rolloutId,
        attempt,
        signal,
        ({ hasAcknowledged, silentSeconds }) => hasAcknowledged || silentSeconds > leaseSeconds,
      ),
    revokeAndDrain: (rolloutId, attempt, signal) =>
      revokeAndWait(
        rolloutId,
        attempt,
        signal,
        ({ hasDrained, silentSeconds }) => hasDrained || silentSeconds > drainPatienceSeconds,
      ),
  };
}
