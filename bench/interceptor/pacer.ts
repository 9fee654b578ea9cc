/** Milliseconds of the wheel's turn, and of one of its slots. */
const slotMs = 1;

interface Paced {
  readonly next: () => boolean;
}

/**
 * Calls many functions at the same rate, spread over the time between two calls as real streams are. One timer for all:
 * a thousand of them would cost more than the work. Functions that say false are not called again.
 */
export class Pacer {
  private readonly slots: Set<Paced>[];
  private timer: NodeJS.Timeout | undefined;
  private position = 0;
  private startedAt = 0;
  private size = 0;
  private added = 0;

  constructor(perSecond: number) {
    this.slots = Array.from({ length: Math.max(1, Math.round(1000 / perSecond / slotMs)) }, () => new Set<Paced>());
  }

  add(next: () => boolean): void {
    this.slots[this.added++ % this.slots.length]?.add({ next });
    this.size += 1;
    if (this.timer) return;
    this.startedAt = performance.now();
    this.position = 0;
    this.timer = setInterval(() => this.turn(), slotMs);
  }

  /** A timer that comes late catches up, so that the rate holds. */
  private turn(): void {
    const due = Math.floor((performance.now() - this.startedAt) / slotMs);
    for (; this.position < due; this.position += 1) {
      const slot = this.slots[this.position % this.slots.length];
      for (const paced of slot ?? []) {
        if (paced.next()) continue;
        slot?.delete(paced);
        this.size -= 1;
      }
    }
    if (this.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }
}
