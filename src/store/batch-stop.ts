import type { BatchPlan } from '../model/batch.ts';
import { readEnded, readSpent } from './batch-tallies.ts';
import type { Db } from './database.ts';

/** Rollouts that must have ended before a share of them says anything. */
const leastEnded = 10;

interface Stoppable {
  readonly id: string;
  readonly cursor: number;
  readonly plan: BatchPlan;
}

/**
 * Why no further rollout of a batch may start: its budget is used up, or one of its rules says so. null: go on. A budget holds for
 * the whole batch; the rules look at what has ended since the last retry, which would end at once otherwise.
 */
export async function stopReason(db: Db, { id, cursor, plan: { budget, stop } }: Stoppable): Promise<string | null> {
  if (budget.rollouts !== undefined && cursor >= budget.rollouts) return 'budget_exhausted: rollouts';
  if (budget.usd !== undefined || budget.tokens !== undefined || budget.calls !== undefined) {
    const { costUsd, tokens, calls } = await readSpent(db, id);
    if (budget.usd !== undefined && costUsd >= budget.usd) return 'budget_exhausted: usd';
    if (budget.tokens !== undefined && tokens >= budget.tokens) return 'budget_exhausted: tokens';
    if (budget.calls !== undefined && calls >= budget.calls) return 'budget_exhausted: calls';
  }
  if (stop.failures === undefined && stop.failure_share === undefined) return null;
  const { ended, lost } = await readEnded(db, id);
  if (stop.failures !== undefined && lost >= stop.failures) return `stop.failures: ${lost} rollouts were lost`;
  if (stop.failure_share !== undefined && ended >= leastEnded && lost / ended >= stop.failure_share) {
    return `stop.failure_share: ${lost} of ${ended} rollouts were lost`;
  }
  return null;
}
