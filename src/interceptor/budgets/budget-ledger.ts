import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, replaceFile } from '../../embedded/files.ts';
import { addAmounts, type Amounts, noAmounts } from '../../model/budget.ts';
import { tryParseJson } from '../../model/json.ts';
import type { Reservation } from './budgets.ts';

/** Milliseconds after which a budget that nobody used is forgotten: longer than any rollout or batch lasts. */
export const budgetKeptMs = 90 * 24 * 3600 * 1000;

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

export interface Account {
  /** Spent and reserved. */
  taken: Amounts;
  at: number;
  /** Calls that hold a part of it. */
  open: number;
}

/**
 * What an interceptor's calls took and hold of each budget, in a file of its own that only grows while it is open. A
 * reservation is written before its call is forwarded: what a crash left open counts as taken in full.
 */
export class BudgetLedger {
  private readonly file: FileHandle;
  private readonly accounts: Map<string, Account>;
  private readonly onError: (error: unknown) => void;
  private writing: Promise<void> = Promise.resolve();
  /** Told of each change. */
  onChange: () => void = () => undefined;

  private constructor(file: FileHandle, accounts: Map<string, Account>, onError: (error: unknown) => void) {
    this.file = file;
    this.accounts = accounts;
    this.onError = onError;
  }

  /** Reads the file and writes it anew, one line for each budget. Only one process may have it open. */
  static async open(directory: string, onError: (error: unknown) => void): Promise<BudgetLedger> {
    const accounts = await readAccounts(directory);
    const oldest = Date.now() - budgetKeptMs;
    for (const [id, { at }] of accounts) if (at < oldest) accounts.delete(id);
    const lines = Array.from(accounts, ([budget, { taken, at }]) => toText({ budget, at, ...taken }));
    await replaceFile(pathIn(directory), lines.join(''));
    return new BudgetLedger(await open(pathIn(directory), 'a'), accounts, onError);
  }

  account(id: string): Account {
    return accountOf(this.accounts, id);
  }

  /** Takes the amounts from all of the budgets at once; they are on disk when it resolves, and given back where it rejects. */
  async hold(budgets: readonly string[], amounts: Amounts): Promise<Reservation> {
    this.take(budgets, amounts, 1);
    let settled = false;
    const settle = (taken: Amounts) => {
      if (settled) return;
      settled = true;
      const change = addAmounts(taken, amounts, -1);
      this.take(budgets, change, -1);
      // What is not written counts as taken after a restart: too much, never too little.
      this.write(budgets, change).catch(this.onError);
    };
    try {
      await this.write(budgets, amounts);
    } catch (error) {
      settled = true;
      // Only here: a line that takes back what was never written would make room after a restart.
      this.take(budgets, addAmounts(noAmounts, amounts, -1), -1);
      throw error;
    }
    return { settle };
  }

  async close(): Promise<void> {
    await this.writing;
    await this.file.close();
  }

  private take(budgets: readonly string[], change: Amounts, opened: number): void {
    for (const id of budgets) {
      const account = this.account(id);
      account.taken = addAmounts(account.taken, change);
      account.at = Date.now();
      account.open += opened;
    }
    this.onChange();
  }

  /** One after the other: a reservation stands before its settlement, and both before the file is closed. */
  private write(budgets: readonly string[], amounts: Amounts): Promise<void> {
    const text = budgets.map((budget) => toText({ budget, at: Date.now(), ...amounts })).join('');
    const written = this.writing.then(() => this.file.appendFile(text));
    this.writing = written.catch(() => undefined);
    return written;
  }
}

/** What the calls of an interceptor took, as its file says: all that is certain of one that does not run. */
export async function readAccounts(directory: string): Promise<Map<string, Account>> {
  const accounts = new Map<string, Account>();
  for (const text of ((await readIfThere(pathIn(directory))) ?? '').split('\n')) {
    const line = tryParseJson(text, lineSchema);
    if (!line) continue;
    const account = accountOf(accounts, line.budget);
    account.taken = addAmounts(account.taken, line);
    account.at = line.at;
  }
  return accounts;
}

const pathIn = (directory: string): string => join(directory, 'budgets.jsonl');

function accountOf(accounts: Map<string, Account>, id: string): Account {
  const account = accounts.get(id) ?? { taken: noAmounts, at: Date.now(), open: 0 };
  accounts.set(id, account);
  return account;
}

/** The line break comes first: what a full disk left of an earlier line then does not spoil this one. */
function toText(line: Line): string {
  return `\n${JSON.stringify(line)}`;
}
