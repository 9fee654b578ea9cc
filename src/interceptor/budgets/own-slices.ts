import { type Amounts, type Budget, budgetUnits, eachUnit, noAmounts } from '../../model/budget.ts';
import type { SliceAnswer, SliceRequest } from '../../model/budget-slice.ts';
import type { BudgetLedger } from './budget-ledger.ts';
import type { GrantedBudget } from './budgets.ts';

/** Milliseconds between questions for more than is needed now, for each budget. */
const refillMs = 1000;
/** So many calls like the last one a slice is to have room for, and with room for so few more is asked for. */
const callsAhead = 8;
const callsLeft = 2;
/** The part of a budget that a slice has room for, where that is more. */
const shareAhead = 1 / 100;

interface Slice {
  /** As answered last; null: not asked yet by this process. */
  version: number | null;
  /** The most that may be taken. */
  held: Amounts;
  limits: Budget | undefined;
  /** What the last call may take. */
  lastCall: Amounts;
  refilledAt: number;
  /** What was said last: to say it again is of no use to anybody. */
  told: { readonly taken: Amounts; readonly isOpen: boolean } | undefined;
}

/** What one interceptor knows of its slices of budgets; the ledger says what of them is taken. */
export class OwnSlices {
  private readonly ledger: BudgetLedger;
  private readonly slices = new Map<string, Slice>();

  constructor(ledger: BudgetLedger) {
    this.ledger = ledger;
  }

  /** A call that may take so much has come. */
  meet(budgets: readonly GrantedBudget[], amounts: Amounts): void {
    for (const { id, ...limits } of budgets) Object.assign(this.slice(id), { limits, lastCall: amounts });
  }

  haveRoom(ids: readonly string[], amounts: Amounts): boolean {
    return ids.every((id) => {
      const { limits, held } = this.slice(id);
      const { taken } = this.ledger.account(id);
      return budgetUnits.every((unit) => limits?.[unit] === undefined || taken[unit] + amounts[unit] <= held[unit]);
    });
  }

  /** Whether it is time to ask for more, which then counts as asked. */
  runsShort(id: string): boolean {
    const slice = this.slice(id);
    const { held, limits, lastCall } = slice;
    const { taken } = this.ledger.account(id);
    const isShort = budgetUnits.some(
      (unit) => limits?.[unit] !== undefined && held[unit] - taken[unit] < callsLeft * lastCall[unit],
    );
    const now = performance.now();
    if (!isShort || now - slice.refilledAt < refillMs) return false;
    slice.refilledAt = now;
    return true;
  }

  /** Whether there is something to give back, or to say that was not said. */
  hasNews(id: string): boolean {
    const { told, held } = this.slice(id);
    const { taken, open } = this.ledger.account(id);
    if (!told || told.isOpen !== open > 0) return true;
    return budgetUnits.some((unit) => told.taken[unit] !== taken[unit] || held[unit] > taken[unit]);
  }

  /** What is said of a slice; from here on no more is taken than it says. `isWanted`: all that is not taken is given back. */
  say(id: string, isWanted: boolean): SliceRequest['slices'][number] {
    const slice = this.slice(id);
    const { taken, open } = this.ledger.account(id);
    const { version, limits, lastCall } = slice;
    if (isWanted && version !== null) slice.held = taken;
    slice.told = { taken, isOpen: open > 0 };
    const ahead = eachUnit((unit) =>
      isWanted ? 0 : Math.max(callsAhead * lastCall[unit], (limits?.[unit] ?? 0) * shareAhead),
    );
    return { id, ...(limits && { limits }), version, taken, keep: slice.held, isOpen: open > 0, ahead };
  }

  hear({ id, version, held, wasKnown }: SliceAnswer['slices'][number]): void {
    Object.assign(this.slice(id), { version, held, ...(!wasKnown && { told: undefined }) });
  }

  /** Nobody may have heard what was said. */
  unheard(ids: readonly string[]): void {
    for (const id of ids) this.slice(id).told = undefined;
  }

  private slice(id: string): Slice {
    const slice = this.slices.get(id) ?? {
      version: null,
      held: noAmounts,
      limits: undefined,
      lastCall: noAmounts,
      refilledAt: -Infinity,
      told: undefined,
    };
    this.slices.set(id, slice);
    return slice;
  }
}
