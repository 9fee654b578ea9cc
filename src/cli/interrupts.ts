import { setTimeout as sleep } from 'node:timers/promises';

/** Ctrl-C as something to wait for, instead of the end of the process. */
export interface Interrupts extends Disposable {
  /** Aborted by the next Ctrl-C from now on. */
  next(): AbortSignal;
  /** Whether there is a Ctrl-C within so many seconds. */
  within(seconds: number): Promise<boolean>;
}

/** Whether something was thrown because a signal was aborted, by Node's timers, by fetch or by the signal itself. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

/** Below npm one Ctrl-C comes twice: from the terminal and from npm, which passes it on. */
const echoMs = 400;

/** From now until it is disposed of, Ctrl-C (or what `names` say) does nothing but abort the signals that were handed out. */
export function interrupts(names: readonly NodeJS.Signals[] = ['SIGINT']): Interrupts {
  let current = new AbortController();
  let lastAt = -Infinity;
  const onInterrupt = (): void => {
    const now = performance.now();
    if (now - lastAt > echoMs) current.abort();
    lastAt = now;
  };
  for (const name of names) process.on(name, onInterrupt);
  const next = (): AbortSignal => {
    current = new AbortController();
    return current.signal;
  };
  return {
    next,
    async within(seconds) {
      const signal = next();
      try {
        await sleep(seconds * 1000, undefined, { signal });
      } catch (error) {
        if (!signal.aborted) throw error;
      }
      return signal.aborted;
    },
    [Symbol.dispose]() {
      for (const name of names) process.off(name, onInterrupt);
    },
  };
}
