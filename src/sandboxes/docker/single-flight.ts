/** Somebody who waits for a piece of work that others may wait for as well. */
export interface Waiter {
  readonly onLog: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Work that is done once for all who want it at the same time, each of whom may leave. */
export interface Flight<T> {
  /** Waits for its end; `onLog` gets the output from now on. The last to leave stops the work. */
  readonly join: (waiter: Waiter) => Promise<T>;
  /** Settles, never rejects, when the work is over. */
  readonly over: Promise<void>;
  /** Everybody has left: it can no longer be joined. */
  readonly abandoned: () => boolean;
}

export function startFlight<T>(work: (crew: Waiter) => Promise<T>): Flight<T> {
  const waiting = new Set<Waiter>();
  const abandon = new AbortController();
  const onLog = (text: string): void => {
    for (const waiter of waiting) waiter.onLog(text);
  };
  // Begun a turn later, so that whoever starts the flight is aboard before its first output.
  const result = Promise.resolve().then(() => work({ onLog, signal: abandon.signal }));
  const over = result.then(
    () => undefined,
    () => undefined,
  );
  const join = (waiter: Waiter): Promise<T> =>
    new Promise((resolve, reject) => {
      const { signal } = waiter;
      const leave = (): void => {
        waiting.delete(waiter);
        if (waiting.size === 0) abandon.abort(signal.reason);
        reject(signal.reason);
      };
      waiting.add(waiter);
      signal.addEventListener('abort', leave, { once: true });
      if (signal.aborted) leave();
      void over.finally(() => signal.removeEventListener('abort', leave));
      result.then(resolve, reject);
    });
  return { join, over, abandoned: () => abandon.signal.aborted };
}
