import { calcPrice } from '@pydantic/genai-prices';
import type { CallUsage } from '../model/call.ts';

/**
 * US dollars of a call, by the list prices that were valid at its time. null where the model has no known price. The
 * scripted model costs nothing.
 */
export function priceCall(upstream: string, model: string | null, usage: CallUsage, at: Date): number | null {
  if (upstream === 'scripted') return 0;
  if (model === null || usage.cachedTokens + usage.cacheWriteTokens > usage.inputTokens) return null;
  const tokens = {
    // All of them: the library takes the cached ones out by itself.
    input_tokens: usage.inputTokens,
    cache_read_tokens: usage.cachedTokens,
    cache_write_tokens: usage.cacheWriteTokens,
    output_tokens: usage.outputTokens,
  };
  return calcPrice(tokens, model, { providerId: upstream, timestamp: at })?.total_price ?? null;
}
