/** Milliseconds of the machine's monotonic clock, which all of its processes share. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

/**
 * For how long what this interceptor was told still holds. Begins as run out; who supervises it renews it, with the time
 * of a contact with the database that it made before it asked.
 */
export class Lease {
  private readonly onBegin: () => void;
  private readonly onEnd: () => void;
  private untilMs = 0;
  private timer: NodeJS.Timeout | undefined;

  /** Told each time that it begins to hold, and that it runs out. */
  constructor({ onBegin, onEnd }: { readonly onBegin: () => void; readonly onEnd: () => void }) {
    this.onBegin = onBegin;
    this.onEnd = onEnd;
  }

  get isOver(): boolean {
    return monotonicMs() >= this.untilMs;
  }

  /** Until that moment of the monotonic clock; an earlier one than before changes nothing. */
  renew(untilMs: number): void {
    if (untilMs <= this.untilMs) return;
    const begins = this.isOver;
    this.untilMs = untilMs;
    if (begins && !this.isOver) this.onBegin();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.onEnd(), Math.max(0, untilMs - monotonicMs()));
    this.timer.unref();
  }

  close(): void {
    clearTimeout(this.timer);
  }
}
