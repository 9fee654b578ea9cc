import { type Amounts, budgetUnits } from '../../model/budget.ts';
import { BudgetLedger } from './budget-ledger.ts';
import { type Budgets, explain, type GrantedBudget, type ReservationOutcome } from './budgets.ts';

/** The books of an interceptor that is the only one: what its own calls leave of a budget is all that is left. */
export class BudgetBook implements Budgets {
  private readonly ledger: BudgetLedger;
  private waiting: (() => void)[] = [];

  private constructor(ledger: BudgetLedger) {
    this.ledger = ledger;
    ledger.onChange = () => {
      const waiting = this.waiting;
      this.waiting = [];
      for (const wake of waiting) wake();
    };
  }

  /** Only one process may have the folder's books open. */
  static async open(directory: string, onError: (error: unknown) => void): Promise<BudgetBook> {
    return new BudgetBook(await BudgetLedger.open(directory, onError));
  }

  async reserve(
    budgets: readonly GrantedBudget[],
    amounts: Amounts,
    isOver: () => boolean,
  ): Promise<ReservationOutcome> {
    for (;;) {
      const tight = budgets.find((budget) => !this.fits(budget, amounts));
      if (!tight) break;
      const { open, taken } = this.ledger.account(tight.id);
      // What is held now may be given back: only what is taken for good is a reason to refuse.
      if (open === 0 || isOver()) return { kind: 'exhausted', message: explain(tight, taken, amounts) };
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
    const ids = budgets.map(({ id }) => id);
    return { kind: 'reserved', reservation: await this.ledger.hold(ids, amounts) };
  }

  /** There are no others. */
  wantedBack(): void {}

  close(): Promise<void> {
    return this.ledger.close();
  }

  private fits(budget: GrantedBudget, amounts: Amounts): boolean {
    const { taken } = this.ledger.account(budget.id);
    return budgetUnits.every((unit) => taken[unit] + amounts[unit] <= (budget[unit] ?? Infinity));
  }
}
