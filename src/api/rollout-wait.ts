import { setTimeout as sleep } from 'node:timers/promises';
import { HarborError } from '../model/errors.ts';
import { failures, isFailureClass } from '../model/failures.ts';
import { limits } from '../model/limits.ts';
import { isOutage } from '../model/outage.ts';
import type { RolloutResponse } from '../model/responses.ts';
import type { RolloutRow } from '../store/rollouts.ts';
import type { ApiDeps } from './deps.ts';

const placePauseMs = 250;
const endPauseMs = 1000;

/** Returns when a rollout could start at once. Throws `capacity` when that takes too long, or the signal's reason. */
export async function waitForPlace(
  { store, places }: Pick<ApiDeps, 'store' | 'places'>,
  signal: AbortSignal,
  seconds: number = limits.capacityWaitSeconds,
): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while ((await store.rollouts.freePlaces(places)) <= 0) {
    if (Date.now() >= deadline) {
      throw new HarborError('capacity', `all ${places} places for running rollouts are taken; nothing was started`, {
        retryAfterSeconds: limits.capacityWaitSeconds,
        remedy: 'Repeat it later, or send `Prefer: respond-async` to have it wait in Harbor.',
      });
    }
    await sleep(placePauseMs, undefined, { signal });
  }
  // Nobody is left to take the answer.
  signal.throwIfAborted();
}

/** The rollout when it is closed; undefined where the signal came first: it goes on without its caller. */
export async function waitForEnd({ store }: ApiDeps, id: string, signal: AbortSignal): Promise<RolloutRow | undefined> {
  while (!signal.aborted) {
    const heard = new AbortController();
    const closing = store.rollouts.closing(id, AbortSignal.any([signal, heard.signal]));
    const row = await throughOutages(() => store.rollouts.find(id), signal);
    if (row?.closedAt) {
      heard.abort();
      return row;
    }
    // Another process's worker may close it, which nothing here would hear.
    await Promise.race([closing, sleep(endPauseMs, undefined, { signal: heard.signal }).catch(() => {})]);
    heard.abort();
  }
  return undefined;
}

/**
 * Asks again for as long as the store is away. A rollout that is under way must not be answered with 503: clients would
 * send it again, and pay for another.
 */
export async function throughOutages<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isOutage(error) || signal.aborted) throw error;
    }
    await sleep(endPauseMs, undefined, { signal });
  }
}

/** A number was earned: 200. Else the class says: clients repeat 429 and 5xx, and would pay again. */
export function answerOf(rollout: RolloutResponse): { readonly status: number; readonly body: object } {
  if (rollout.reward_info.outcome_reward !== null) return { status: 200, body: rollout };
  const failure = rollout.failure ?? { class: 'no_reward', message: 'the rollout ended without a reward' };
  const status = isFailureClass(failure.class) ? failures[failure.class].httpStatus : 424;
  return {
    status: status === 429 ? 424 : status,
    // The reason first: the existing client shows no more than the first hundred letters of an answer.
    body: { detail: `${failure.class}: ${failure.message}`, code: failure.class, rollout_id: rollout.id, ...rollout },
  };
}
