import type { Ending } from '../roles/drain.ts';

const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Milliseconds that a process which was told twice may still take. */
const hurriedMs = 3_000;

/** The first signal ends this process in good order, a second one at once. */
export function endedBySignals(): Ending {
  const stop = new AbortController();
  const hurry = new AbortController();
  for (const name of names) {
    process.on(name, () => {
      if (stop.signal.aborted) {
        hurry.abort();
        setTimeout(() => process.exit(1), hurriedMs).unref();
      }
      stop.abort();
    });
  }
  return { signal: stop.signal, hurry: hurry.signal };
}
