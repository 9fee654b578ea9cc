import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, replaceFile } from '../../embedded/files.ts';
import { type Amounts, budgetUnits, noAmounts } from '../../model/budget.ts';
import type { Grant } from '../../model/grant.ts';
import { tryParseJson } from '../../model/json.ts';

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
}

/** Milliseconds after which a budget that nobody used is forgotten: longer than any rollout or batch lasts. */
const keptMs = 90 * 24 * 3600 * 1000;

const lineSchema = z.object({
  budget: z.string(),
  /** Epoch milliseconds. */
  at: z.number(),
  /** To be added to what was taken before; less than nothing where a call took less than it had reserved. */
  usd: z.number(),
  tokens: z.number(),
  calls: z.number(),
});
type Line = z.infer<typeof lineSchema>;

interface Account {
  taken: Amounts;
  at: number;
  /** Calls that hold a part of it. */
  open: number;
}

/**
 * The books of one interceptor, in a file of its own that only grows while it is open. A reservation is written before its
 * call is forwarded: what a crash left open counts as taken in full.
 */
export class BudgetBook implements Budgets {
  private readonly file: FileHandle;
  private readonly accounts: Map<string, Account>;
  private readonly onError: (error: unknown) => void;
  private waiting: (() => void)[] = [];
  private writing: Promise<void> = Promise.resolve();

  private constructor(file: FileHandle, accounts: Map<string, Account>, onError: (error: unknown) => void) {
    this.file = file;
    this.accounts = accounts;
    this.onError = onError;
  }

  /** Reads the file and writes it anew, one line for each budget. Only one process may have it open. */
  static async open(directory: string, onError: (error: unknown) => void): Promise<BudgetBook> {
    const path = join(directory, 'budgets.jsonl');
    const accounts = new Map<string, Account>();
    for (const text of ((await readIfThere(path)) ?? '').split('\n')) {
      const line = tryParseJson(text, lineSchema);
      if (!line) continue;
      const account = accountOf(accounts, line.budget);
      account.taken = plus(account.taken, line);
      account.at = line.at;
    }
    const oldest = Date.now() - keptMs;
    for (const [id, { at }] of accounts) if (at < oldest) accounts.delete(id);
    const lines = Array.from(accounts, ([budget, { taken, at }]) => toText({ budget, at, ...taken }));
    await replaceFile(path, lines.join(''));
    return new BudgetBook(await open(path, 'a'), accounts, onError);
  }

  async reserve(
    budgets: readonly GrantedBudget[],
    amounts: Amounts,
    isOver: () => boolean,
  ): Promise<ReservationOutcome> {
    for (;;) {
      const tight = budgets.find((budget) => !fits(budget, this.account(budget), amounts));
      if (!tight) break;
      // What is held now may be given back: only what is taken for good is a reason to refuse.
      if (this.account(tight).open === 0 || isOver())
        return { kind: 'exhausted', message: this.explain(tight, amounts) };
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
    this.take(budgets, amounts, 1);
    let settled = false;
    const settle = (taken: Amounts) => {
      if (settled) return;
      settled = true;
      const change = plus(taken, amounts, -1);
      this.take(budgets, change, -1);
      // What is not written counts as taken after a restart: too much, never too little.
      this.write(budgets, change).catch(this.onError);
    };
    try {
      await this.write(budgets, amounts);
    } catch (error) {
      settled = true;
      // Only here: a line that takes back what was never written would make room after a restart.
      this.take(budgets, plus(noAmounts, amounts, -1), -1);
      throw error;
    }
    return { kind: 'reserved', reservation: { settle } };
  }

  async close(): Promise<void> {
    await this.writing;
    await this.file.close();
  }

  private account({ id }: GrantedBudget): Account {
    return accountOf(this.accounts, id);
  }

  private take(budgets: readonly GrantedBudget[], change: Amounts, opened: number): void {
    for (const budget of budgets) {
      const account = this.account(budget);
      account.taken = plus(account.taken, change);
      account.at = Date.now();
      account.open += opened;
    }
    const waiting = this.waiting;
    this.waiting = [];
    for (const wake of waiting) wake();
  }

  /** One after the other: a reservation stands before its settlement, and both before the file is closed. */
  private write(budgets: readonly GrantedBudget[], amounts: Amounts): Promise<void> {
    const text = budgets.map(({ id }) => toText({ budget: id, at: Date.now(), ...amounts })).join('');
    const written = this.writing.then(() => this.file.appendFile(text));
    this.writing = written.catch(() => undefined);
    return written;
  }

  private explain(budget: GrantedBudget, amounts: Amounts): string {
    const { taken } = this.account(budget);
    const unit = budgetUnits.find((one) => (budget[one] ?? Infinity) < taken[one] + amounts[one]) ?? 'calls';
    const [limit, used, wanted] = [budget[unit] ?? 0, taken[unit], amounts[unit]].map((value) => inUnit(unit, value));
    return `The budget ${budget.id} of ${limit} is used up: ${used} are spent, and this call may take up to ${wanted}.`;
  }
}

function accountOf(accounts: Map<string, Account>, id: string): Account {
  const account = accounts.get(id) ?? { taken: noAmounts, at: Date.now(), open: 0 };
  accounts.set(id, account);
  return account;
}

function fits(budget: GrantedBudget, { taken }: Account, amounts: Amounts): boolean {
  return budgetUnits.every((unit) => taken[unit] + amounts[unit] <= (budget[unit] ?? Infinity));
}

function plus(sum: Amounts, more: Amounts, times = 1): Amounts {
  return {
    usd: sum.usd + times * more.usd,
    tokens: sum.tokens + times * more.tokens,
    calls: sum.calls + times * more.calls,
  };
}

function inUnit(unit: keyof Amounts, value: number): string {
  return unit === 'usd' ? `$${Number(value.toFixed(6))}` : `${value} ${unit}`;
}

/** The line break comes first: what a full disk left of an earlier line then does not spoil this one. */
function toText(line: Line): string {
  return `\n${JSON.stringify(line)}`;
}
