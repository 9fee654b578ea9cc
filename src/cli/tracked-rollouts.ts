import { setTimeout as sleep } from 'node:timers/promises';
import type { RolloutResponse } from '../model/responses.ts';
import { isClosed, type RolloutStatus } from '../model/rollout.ts';
import type { HarborClient, NewRollout } from '../sdk/client.ts';
import { isOutage } from '../sdk/errors.ts';
import type { Reconnect } from '../sdk/reconnecting.ts';

/** A rollout that this command has asked for, or is going to. */
export interface TrackedRollout {
  /** Chosen here, so that a request may be repeated without starting a second rollout. */
  readonly id: string;
  readonly seed: number;
  /** Where several are compared. */
  readonly policy?: Policy;
  /** `waiting`: not asked for yet; `refused`: the server would not start it, see `error`. */
  state: 'waiting' | 'starting' | 'refused' | RolloutStatus;
  /** By performance.now(); when it was asked for. */
  startedAt?: number;
  latest?: RolloutResponse;
  error?: unknown;
}

/** Who works, with which model; without one of them the server's choice. */
export interface Policy {
  /** As its caller wrote it. */
  readonly label: string;
  readonly agent?: string;
  readonly model?: string;
}

export interface Tracking {
  readonly client: HarborClient;
  readonly deployment: string;
  /** What to ask for, less the id. */
  readonly request: (rollout: TrackedRollout) => NewRollout;
  /** How many are under way at once. */
  readonly concurrency: number;
  readonly reconnect: Reconnect;
  /** Something is to be seen on one of them. */
  readonly onChange: () => void;
  /** Stops asking and looking; what runs at the server goes on. */
  readonly signal: AbortSignal;
}

const pollMs = 750;

export function hasEnded({ state }: TrackedRollout): boolean {
  return state === 'refused' || (state !== 'waiting' && state !== 'starting' && isClosed(state));
}

/** At the server and not ended. */
export function isUnderWay(rollout: TrackedRollout): boolean {
  return rollout.state !== 'waiting' && !hasEnded(rollout);
}

/** Starts rollouts and leaves them to the server. */
export function startRollouts(rollouts: readonly TrackedRollout[], tracking: Tracking): Promise<void> {
  return forEach(rollouts, tracking, (rollout) => start(rollout, tracking));
}

/**
 * Starts rollouts, or finds those that were started, and follows them to their ends, keeping `rollouts` up to date. The
 * server may go and come back meanwhile. Returns when all have ended or the signal says so; throws what keeps it from
 * looking.
 */
export function trackRollouts(rollouts: readonly TrackedRollout[], tracking: Tracking): Promise<void> {
  const { client, reconnect, onChange, signal } = tracking;
  return forEach(rollouts, tracking, async (rollout) => {
    if (rollout.state === 'waiting' || rollout.state === 'starting') await start(rollout, tracking);
    while (!hasEnded(rollout)) {
      await sleep(pollMs, undefined, { signal });
      rollout.latest = await reconnect(() => client.rollout(rollout.id));
      rollout.state = rollout.latest.status;
      onChange();
    }
  });
}

/** `concurrency` at a time, until all are done or the signal is aborted. */
async function forEach(
  rollouts: readonly TrackedRollout[],
  { concurrency, signal }: Tracking,
  work: (rollout: TrackedRollout) => Promise<void>,
): Promise<void> {
  const open = rollouts.filter((rollout) => !hasEnded(rollout)).values();
  const worker = async (): Promise<void> => {
    for (const rollout of open) {
      if (signal.aborted) return;
      await work(rollout);
    }
  };
  try {
    await Promise.all(Array.from({ length: concurrency }, worker));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function start(rollout: TrackedRollout, tracking: Tracking): Promise<void> {
  const { client, deployment, request, reconnect, onChange, signal } = tracking;
  rollout.state = 'starting';
  rollout.startedAt ??= performance.now();
  onChange();
  try {
    const body = { ...request(rollout), rollout_id: rollout.id };
    rollout.state = (await reconnect(() => client.startRollout(deployment, body))).status;
  } catch (error) {
    if (signal.aborted || isOutage(error)) throw error;
    rollout.state = 'refused';
    rollout.error = error;
  }
  onChange();
}

/** Waits until no sandbox of these rollouts is left: a result is told before its sandbox is gone. */
export async function untilTidy(
  rollouts: readonly TrackedRollout[],
  client: HarborClient,
  signal: AbortSignal,
): Promise<void> {
  for (const { id } of rollouts.filter(({ latest }) => latest !== undefined)) {
    for (;;) {
      const { attempts } = await client.rollout(id);
      if (attempts.every(({ ended_at: endedAt }) => endedAt !== null)) break;
      await sleep(pollMs, undefined, { signal });
    }
  }
}
