import type { CallRecord } from '../../model/call.ts';
import type { FinalMetrics } from './schema.ts';

/**
 * Sums over calls, added up in their order as the store does it, so that they are equal to the last digit. A call with
 * usage and no known price makes the sum of costs unknown: it is left out then, and `extra` says of how many calls.
 */
export function finalMetrics(calls: readonly CallRecord[], steps: number): FinalMetrics {
  const sum = (of: (usage: NonNullable<CallRecord['usage']>) => number): number =>
    calls.reduce((total, { usage }) => total + (usage ? of(usage) : 0), 0);
  const refused = calls.filter(({ status }) => status === 'refused').length;
  const unpriced = calls.filter(({ usage, costUsd }) => usage !== null && costUsd === null).length;
  return {
    total_prompt_tokens: sum((usage) => usage.inputTokens),
    total_completion_tokens: sum((usage) => usage.outputTokens),
    total_cached_tokens: sum((usage) => usage.cachedTokens),
    ...(unpriced === 0 && { total_cost_usd: calls.reduce((total, { costUsd }) => total + (costUsd ?? 0), 0) }),
    total_steps: steps,
    extra: {
      llm_calls: calls.length - refused,
      ...(refused > 0 && { refused_calls: refused }),
      cache_write_tokens: sum((usage) => usage.cacheWriteTokens),
      reasoning_tokens: sum((usage) => usage.reasoningTokens),
      ...(unpriced > 0 && { calls_without_price: unpriced }),
    },
  };
}
