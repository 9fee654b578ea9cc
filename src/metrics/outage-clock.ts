import type { Registry } from 'prom-client';
import { counter } from './metrics.ts';

/** Adds up how long a part was away, however many wait for it at the same time. */
export class OutageClock {
  private readonly now: () => number;
  private since: number | undefined;
  private passedMs = 0;

  /** `now` in milliseconds, by a clock that nobody sets. */
  constructor(now: () => number = () => performance.now()) {
    this.now = now;
  }

  /** Somebody could not reach it. */
  failed(): void {
    this.since ??= this.now();
  }

  /** Somebody could. */
  succeeded(): void {
    this.passedMs = this.totalMs();
    this.since = undefined;
  }

  /** An outage that still lasts included. */
  seconds(): number {
    return this.totalMs() / 1000;
  }

  private totalMs(): number {
    return this.passedMs + (this.since === undefined ? 0 : this.now() - this.since);
  }
}

export function measureOutages(clock: OutageClock, registry: Registry): void {
  counter({
    name: 'harbor_store_outage_seconds_total',
    help: 'Seconds in which this process could not reach the database, one that lasts included.',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(clock.seconds());
    },
  });
}
