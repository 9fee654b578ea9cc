import { setTimeout as sleep } from 'node:timers/promises';
import { HarborError } from '../model/errors.ts';
import { isOutage } from './errors.ts';

export interface ReconnectOptions {
  /** How long one outage is waited out. Default 10. */
  readonly minutes?: number;
  /** Told once when an outage begins, however many calls it hits. */
  readonly onOutage?: (error: unknown) => void;
  /** Told once when it is over. */
  readonly onBack?: () => void;
  readonly signal?: AbortSignal | undefined;
}

/** Runs work, and again after an outage. Only for work that may be repeated. */
export type Reconnect = <T>(work: () => Promise<T>) => Promise<T>;

const firstPauseMs = 250;
const longestPauseMs = 5000;

/**
 * Outlasts outages: connections refused or cut, 502, 503 and 504. All work that goes through the returned function shares
 * one outage: it begins with the first failure and ends with the first success of any. Throws the failure, with the time
 * that was waited, when an outage lasts longer.
 */
export function reconnecting({ minutes = 10, onOutage, onBack, signal }: ReconnectOptions = {}): Reconnect {
  let outageSince: number | undefined;

  const begin = (error: unknown): void => {
    if (outageSince !== undefined) return;
    outageSince = performance.now();
    onOutage?.(error);
  };
  const end = (): void => {
    if (outageSince === undefined) return;
    outageSince = undefined;
    onBack?.();
  };

  return async (work) => {
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
      try {
        const result = await work();
        end();
        return result;
      } catch (error) {
        if (!isOutage(error)) {
          // A refusal is an answer: the server is there.
          if (HarborError.isInstance(error)) end();
          throw error;
        }
        begin(error);
        if (performance.now() - (outageSince ?? 0) > minutes * 60_000) throw lasting(error, minutes);
        const asked = HarborError.isInstance(error) ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
        await sleep(Math.max(pauseMs, Math.min(asked, longestPauseMs)), undefined, { signal });
      }
    }
  };
}

function lasting(error: unknown, minutes: number): HarborError {
  const what = HarborError.isInstance(error) ? error.message : 'the server is away';
  return new HarborError('internal', `${what}, and that for ${minutes} minutes`, {
    cause: error,
    remedy: 'What was started goes on at the server as soon as it is back; look again then.',
  });
}

/**
 * A growing text from its first byte on, across outages: `open` is asked for what follows the bytes that came already.
 */
export async function* resuming(
  open: (offset: number) => AsyncGenerator<Uint8Array>,
  reconnect: Reconnect,
): AsyncGenerator<Uint8Array> {
  let offset = 0;
  let chunks: AsyncGenerator<Uint8Array> | undefined;
  const next = async (): Promise<IteratorResult<Uint8Array>> => {
    chunks ??= open(offset);
    try {
      return await chunks.next();
    } catch (error) {
      chunks = undefined;
      throw error;
    }
  };
  try {
    for (;;) {
      const { done, value } = await reconnect(next);
      if (done) return;
      offset += value.length;
      yield value;
    }
  } finally {
    await chunks?.return(undefined);
  }
}
