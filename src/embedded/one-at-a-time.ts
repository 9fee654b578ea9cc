import { acquireLock } from './lock.ts';

export interface TurnOptions {
  /** The piece of work, as the subject of a sentence: `the building of X`. */
  readonly what: string;
  /** Told who is at it when one has to wait. */
  readonly report: (detail: string) => void;
  readonly signal: AbortSignal;
}

/** Milliseconds that another process may need: some hundred MB over a slow line, or a long build. */
const patienceMs = 30 * 60_000;

/**
 * Does set-up work while no other process of this machine does the same; they meet at the lock file. Whoever waited
 * looks first whether the work is done.
 */
export async function oneAtATime<T>(lockFile: string, options: TurnOptions, work: () => Promise<T>): Promise<T> {
  const { what, report, signal } = options;
  const lock = await acquireLock(lockFile, {
    what,
    remedy: 'Wait for that process, or end it.',
    patienceMs,
    signal,
    onWait: (holder) => report(`process ${holder.pid} is at it`),
  });
  try {
    return await work();
  } finally {
    await lock.release();
  }
}
