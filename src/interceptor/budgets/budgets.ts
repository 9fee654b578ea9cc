import { type Amounts, budgetUnits } from '../../model/budget.ts';
import type { Grant } from '../../model/grant.ts';

export type GrantedBudget = NonNullable<Grant['budgets']>[number];

/** What a call holds of its budgets until it is known what it took. */
export interface Reservation {
  /** Puts what was really taken in its place. The first word counts. */
  settle(taken: Amounts): void;
}

/** `exhausted`: the call does not fit, for this reason. */
export type ReservationOutcome =
  | { readonly kind: 'reserved'; readonly reservation: Reservation }
  | { readonly kind: 'exhausted'; readonly message: string };

/** Holds budgets. Whoever asks may wait: for calls that hold more than they will have taken. */
export interface Budgets {
  /**
   * Takes the amounts from all of the budgets or from none. Rejects where that cannot be written down. `isOver`: whether
   * nobody waits for it any more.
   */
  reserve(budgets: readonly GrantedBudget[], amounts: Amounts, isOver: () => boolean): Promise<ReservationOutcome>;
  /** That others have calls which wait for room in these budgets. */
  wantedBack(budgets: readonly string[]): void;
  close(): Promise<void>;
}

/** Why a call is refused. `silent`: the part of what is spent that interceptors hold which do not answer. */
export function explain(budget: GrantedBudget, spent: Amounts, amounts: Amounts, silent?: Amounts): string {
  const share = (unit: keyof Amounts) => (spent[unit] + amounts[unit]) / (budget[unit] ?? Infinity);
  const unit = budgetUnits.reduce((most, one) => (share(one) > share(most) ? one : most));
  const [limit, used, wanted] = [budget[unit] ?? 0, spent[unit], amounts[unit]].map((value) => inUnit(unit, value));
  const lost = silent && silent[unit] > 0 ? ` (${inUnit(unit, silent[unit])} by interceptors that do not answer)` : '';
  return `The budget ${budget.id} of ${limit} is used up: ${used} are spent${lost}, and this call may take up to ${wanted}.`;
}

function inUnit(unit: keyof Amounts, value: number): string {
  return unit === 'usd' ? `$${Number(value.toFixed(6))}` : `${value} ${unit}`;
}
