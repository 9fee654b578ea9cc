import { setTimeout as sleep } from 'node:timers/promises';
import type { Amounts } from '../../model/budget.ts';
import type { SliceAnswer, SliceRequest } from '../../model/budget-slice.ts';
import { BudgetLedger } from './budget-ledger.ts';
import { type Budgets, explain, type GrantedBudget, type ReservationOutcome } from './budgets.ts';
import { OwnSlices } from './own-slices.ts';

/** Asks whoever has the store. Rejects where no answer is heard, whatever became of the question. */
export type SliceSource = (request: SliceRequest, signal: AbortSignal) => Promise<SliceAnswer>;

export interface SlicedBookOptions {
  /** The interceptor's folder. Only one process may have the books in it open. */
  readonly directory: string;
  readonly ask: SliceSource;
  /** Told where what a call took cannot be written. */
  readonly onError: (error: unknown) => void;
  /** Milliseconds between questions while calls wait for what others hold. Default 100. */
  readonly pollMs?: number;
  /** Milliseconds after a question that was not answered. Default 500. */
  readonly retryMs?: number;
}

interface Waiter {
  readonly budgets: readonly GrantedBudget[];
  readonly ids: readonly string[];
  readonly amounts: Amounts;
  readonly isOver: () => boolean;
  readonly resolve: (outcome: ReservationOutcome | Promise<ReservationOutcome>) => void;
}

/**
 * The books of one interceptor of several. Of each budget it spends a slice, which it asks for before it runs short, so
 * that a call waits for an answer only where it does not fit into the slice. One question is on its way at a time. Until it
 * is answered no more than what it says is kept may be taken; so no answer that is lost or late makes room twice.
 */
export class SlicedBook implements Budgets {
  private readonly ledger: BudgetLedger;
  private readonly options: SlicedBookOptions;
  private readonly slices: OwnSlices;
  private readonly waiters = new Set<Waiter>();
  private readonly refills = new Set<string>();
  private readonly wanted = new Set<string>();
  private readonly closing = new AbortController();
  private running: Promise<void> | undefined;
  private isDue = false;
  private isServing = false;
  /** Ends a pause. */
  private nudge: () => void = () => undefined;

  private constructor(ledger: BudgetLedger, options: SlicedBookOptions) {
    this.ledger = ledger;
    this.options = options;
    this.slices = new OwnSlices(ledger);
    ledger.onChange = () => {
      if (this.serve()) this.kick();
    };
  }

  static async open(options: SlicedBookOptions): Promise<SlicedBook> {
    return new SlicedBook(await BudgetLedger.open(options.directory, options.onError), options);
  }

  async reserve(
    budgets: readonly GrantedBudget[],
    amounts: Amounts,
    isOver: () => boolean,
  ): Promise<ReservationOutcome> {
    this.slices.meet(budgets, amounts);
    const ids = budgets.map(({ id }) => id);
    if (this.slices.haveRoom(ids, amounts)) return this.hold(ids, amounts);
    return new Promise((resolve) => {
      this.waiters.add({ budgets, ids, amounts, isOver, resolve });
      this.kick();
    });
  }

  wantedBack(ids: readonly string[]): void {
    for (const id of ids) if (this.slices.hasNews(id)) this.wanted.add(id);
    if (this.wanted.size > 0) this.kick();
  }

  async close(): Promise<void> {
    this.closing.abort();
    this.nudge();
    await this.running;
    for (const { resolve } of this.waiters) resolve(nobodyWaits);
    await this.ledger.close();
  }

  /** Takes the amounts before it returns. */
  private async hold(ids: readonly string[], amounts: Amounts): Promise<ReservationOutcome> {
    const reservation = this.ledger.hold(ids, amounts);
    // Behind the calls.
    for (const id of ids) if (this.slices.runsShort(id)) this.refills.add(id);
    if (this.refills.size > 0) this.kick();
    return { kind: 'reserved', reservation: await reservation };
  }

  /** Gives calls that wait what there is room for now. True: some still wait. */
  private serve(): boolean {
    // What is taken here is told as a change as well.
    if (this.isServing) return false;
    this.isServing = true;
    for (const waiter of this.waiters) {
      if (waiter.isOver()) this.end(waiter, nobodyWaits);
      else if (this.slices.haveRoom(waiter.ids, waiter.amounts))
        this.end(waiter, this.hold(waiter.ids, waiter.amounts));
    }
    this.isServing = false;
    return this.waiters.size > 0;
  }

  private end(waiter: Waiter, outcome: ReservationOutcome | Promise<ReservationOutcome>): void {
    this.waiters.delete(waiter);
    waiter.resolve(outcome);
  }

  private kick(): void {
    this.isDue = true;
    this.nudge();
    this.running ??= this.run().finally(() => {
      this.running = undefined;
      if (this.isDue && !this.closing.signal.aborted) this.kick();
    });
  }

  /** Asks as long as there is something to ask. */
  private async run(): Promise<void> {
    const { signal } = this.closing;
    while (!signal.aborted && (this.isDue || this.serve())) {
      this.isDue = false;
      const isAnswered = await this.exchange().then(
        () => true,
        () => false,
      );
      if (!isAnswered) await sleep(this.options.retryMs ?? 500, undefined, { signal }).catch(() => undefined);
      else if (!this.isDue && this.waiters.size > 0) await this.pause();
    }
  }

  /** For a while, or until there is something to ask. */
  private pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.options.pollMs ?? 100);
      this.nudge = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private async exchange(): Promise<void> {
    this.serve();
    const waiters = [...this.waiters];
    const wanted = [...this.wanted];
    const ids = [...new Set([...waiters.flatMap((waiter) => waiter.ids), ...this.refills, ...wanted])];
    this.refills.clear();
    this.wanted.clear();
    if (ids.length === 0) return;
    const claims = waiters.map(({ ids: budgets, amounts }) => ({ budgets, amounts }));
    const request = { slices: ids.map((id) => this.slices.say(id, wanted.includes(id))), claims };
    let answer: SliceAnswer;
    try {
      answer = await this.options.ask(request, this.closing.signal);
    } catch (error) {
      this.slices.unheard(ids);
      throw error;
    }
    for (const slice of answer.slices) {
      this.slices.hear(slice);
      if (slice.wasKnown) continue;
      if (wanted.includes(slice.id)) this.wanted.add(slice.id);
      this.isDue = true;
    }
    this.serve();
    for (const [n, waiter] of waiters.entries()) this.hear(waiter, answer.claims[n]);
  }

  /** A refusal counts only where nothing was begun meanwhile that may give something back. */
  private hear(waiter: Waiter, outcome: SliceAnswer['claims'][number] | undefined): void {
    if (outcome?.kind !== 'refused' || !this.waiters.has(waiter)) return;
    const budget = waiter.budgets.find(({ id }) => id === outcome.budget);
    if (!budget || this.ledger.account(budget.id).open > 0) return;
    this.end(waiter, {
      kind: 'exhausted',
      message: explain(budget, outcome.spent, waiter.amounts, outcome.silent),
    });
  }
}

const nobodyWaits: ReservationOutcome = { kind: 'exhausted', message: 'Nobody waits for this call any more.' };
