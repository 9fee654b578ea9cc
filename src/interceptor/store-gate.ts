import { setTimeout as sleep } from 'node:timers/promises';
import type { AttemptGate } from '../activities/deps.ts';
import type { Absence } from '../model/resume.ts';
import type { AttemptRef } from '../model/stages.ts';
import { type GrantStore, type LeaseHolder, leaseSeconds, type Witness } from '../store/grants.ts';
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

  /** Without those of which nothing was heard for long: they are not waited for. */
  const settled = async (attempt: AttemptRef, since: Date) =>
    (await grants.witnesses(attempt)).every(
      ({ settledAt, silentSeconds }) =>
        (settledAt !== null && settledAt > since) || silentSeconds > drainPatienceSeconds,
    );

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
    async settle(rolloutId, attempt, signal) {
      const since = await grants.now();
      while (!(await settled({ rolloutId, attempt }, since))) await sleep(lookMs, undefined, { signal });
    },
    absences: async (rolloutId, attempt) =>
      (await grants.witnesses({ rolloutId, attempt })).flatMap((witness) => absencesOf(witness, new Date())),
  };
}

/** One that is out of touch with the database serves nobody once its lease has run out. */
function absencesOf({ absences, silentSeconds }: Witness, now: Date): readonly Absence[] {
  if (silentSeconds <= leaseSeconds) return absences;
  return [...absences, { since: new Date(now.getTime() - (silentSeconds - leaseSeconds) * 1000), until: now }];
}
