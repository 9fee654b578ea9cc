import type { RolloutRow } from '../store/rollouts.ts';
import { ProblemError } from './problems.ts';

/** Throws 410 where what the rollout left was removed: when, and why. */
export function ensureKept({ id, traceRemovedAt, traceKeptDays }: RolloutRow): void {
  if (!traceRemovedAt) return;
  const at = `${traceRemovedAt.toISOString().slice(0, 19)}Z`;
  throw new ProblemError(410, {
    detail: `The trace, logs and files of rollout ${id} were removed at ${at}: they are kept for ${traceKeptDays} days after a rollout's end`,
    code: 'trace_removed',
    remedy:
      'Its result, usage and costs are kept. HARBOR_TRACE_RETENTION_DAYS of the server says how long the rest is.',
  });
}
