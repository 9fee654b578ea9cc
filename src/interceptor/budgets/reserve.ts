import type { CallOpening } from '../journal/records.ts';
import { decodeBody } from '../content-encoding.ts';
import type { RefusalError } from '../dialects/dialect.ts';
import { dialectNamed } from '../dialects/registry.ts';
import type { OpenCall } from '../open-calls.ts';
import { budgetExhausted } from '../refusals.ts';
import type { Budgets, GrantedBudget } from './budgets.ts';
import { largestCost } from './largest-cost.ts';
import { Meter } from './meter.ts';

type Outcome =
  | { readonly kind: 'metered'; readonly meter: Meter }
  | { readonly kind: 'refused'; readonly error: RefusalError };

/** Reserves the largest cost of a call that is about to be forwarded. Rejects where that cannot be written down. */
export async function reserveFor(
  books: Budgets,
  budgets: readonly GrantedBudget[],
  opening: CallOpening,
  body: Buffer,
  call: OpenCall,
): Promise<Outcome> {
  const refused = (message: string): Outcome => {
    const provider = dialectNamed(opening.dialect)?.provider ?? 'openai';
    return { kind: 'refused', error: budgetExhausted({ provider }, message) };
  };
  const text = decodeBody(body, opening.contentEncoding);
  if (text === undefined) return refused('The largest cost of this call is not known: its body cannot be read.');
  // Tokens are counted for nothing.
  const isCount = opening.path.split('?')[0]?.endsWith('/count_tokens');
  const { usd, tokens, calls } = isCount
    ? { usd: 0, tokens: 0, calls: 1 }
    : largestCost(opening.upstream, text, new Date(opening.startedAt));
  if (usd === null && budgets.some((budget) => budget.usd !== undefined)) {
    return refused('The largest cost of this call is not known: its model has no known price.');
  }
  const amounts = { usd: usd ?? 0, tokens, calls };
  const outcome = await books.reserve(budgets, amounts, () => call.isOver);
  if (outcome.kind === 'exhausted') return refused(outcome.message);
  if (call.isOver) outcome.reservation.settle({ usd: 0, tokens: 0, calls: 0 });
  const meter = new Meter(opening, body, amounts, outcome.reservation);
  call.toldTo((status) => meter.ended(status));
  return { kind: 'metered', meter };
}
