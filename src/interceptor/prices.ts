import { calcPrice } from '@pydantic/genai-prices';
import type { ModelRef } from '../model/model-ref.ts';
import type { ReportedUsage } from './dialects/dialect.ts';

/**
 * US dollars of a call, by the list prices that were valid at its time. null where the model has no known price. The
 * scripted model costs nothing.
 */
export function priceCall(upstream: string, model: string | null, usage: ReportedUsage, at: Date): number | null {
  if (upstream === 'scripted') return 0;
  const { inputTokens, cachedTokens, cacheWriteTokens, cacheWriteHourTokens = 0 } = usage;
  if (model === null || cachedTokens + cacheWriteTokens > inputTokens) return null;
  if (cacheWriteHourTokens > cacheWriteTokens) return null;
  const tokens = {
    // All of them: the library takes the cached ones out by itself.
    input_tokens: inputTokens,
    cache_read_tokens: cachedTokens,
    cache_write_tokens: cacheWriteTokens,
    ...(cacheWriteHourTokens > 0 && { cache_write_1h_tokens: cacheWriteHourTokens }),
    output_tokens: usage.outputTokens,
  };
  return calcPrice(tokens, model, { providerId: upstream, timestamp: at })?.total_price ?? null;
}

/** Whether it is known what calls to a model cost. */
export function isPriced({ provider, name }: ModelRef, at: Date): boolean {
  const one = { inputTokens: 1, cachedTokens: 0, cacheWriteTokens: 0, outputTokens: 1, reasoningTokens: 0 };
  return priceCall(provider, name, one, at) !== null;
}
