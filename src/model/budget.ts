import { z } from 'zod';
import { limits } from './limits.ts';

const amount = (most: number, least: number) =>
  z
    .number()
    .positive('must be more than 0')
    .min(least, `must be at least ${least}`)
    .max(most, `must be at most ${most}`);
const whole = (most: number) =>
  z.int('must be a whole number').min(1, 'must be at least 1').max(most, `must be at most ${most}`);

/** How much may be spent on LLM calls; what is absent has no bound. */
export const budgetSchema = z.object({
  usd: amount(limits.budgetUsd[1], limits.budgetUsd[0]).optional().describe('US dollars, by list prices.'),
  tokens: whole(limits.budgetTokens).optional().describe('Input and output, with those that are cached.'),
  calls: whole(limits.budgetCalls).optional().describe('Calls that are forwarded to the provider, repeats as well.'),
});
export type Budget = z.infer<typeof budgetSchema>;

/** What a call takes from a budget. */
export interface Amounts {
  readonly usd: number;
  readonly tokens: number;
  readonly calls: number;
}

export const noAmounts: Amounts = { usd: 0, tokens: 0, calls: 0 };

/** The units of a budget, as people write them. */
export const budgetUnits = ['usd', 'tokens', 'calls'] as const satisfies readonly (keyof Amounts)[];

/** The sum; `times` -1: the difference. */
export function addAmounts(sum: Amounts, more: Amounts, times = 1): Amounts {
  return {
    usd: sum.usd + times * more.usd,
    tokens: sum.tokens + times * more.tokens,
    calls: sum.calls + times * more.calls,
  };
}

export function eachUnit(of: (unit: keyof Amounts) => number): Amounts {
  return { usd: of('usd'), tokens: of('tokens'), calls: of('calls') };
}
