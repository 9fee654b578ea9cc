/**
 * Milliseconds that a write into the page cache takes at most while the disk keeps up; most of them that this process
 * waited for its turn on a busy machine.
 */
const promptMs = 25;
/** Milliseconds for which a disk that was slow once is taken to be slow. */
const slowMs = 10_000;

/**
 * Whether writes can be waited for now, by how long those before took. A page cache that is throttled by somebody else's
 * disk traffic holds up each of them for tenths of a second.
 */
export class DiskPace {
  private slowUntil = -Infinity;

  isPrompt(now: number): boolean {
    return now >= this.slowUntil;
  }

  took(ms: number, now: number): void {
    if (ms > promptMs) this.slowUntil = now + slowMs;
  }
}
