import { z } from 'zod';
import type { Amounts } from '../../model/budget.ts';
import { tryParseJson } from '../../model/json.ts';
import { priceCall } from '../prices.ts';
import { largestInput } from './largest-input.ts';
import { largestOutput } from './largest-output.ts';

const tokens = z.number().nonnegative().nullish().catch(null);
const requestSchema = z.object({
  model: z.string().nullish().catch(null),
  max_tokens: tokens,
  max_output_tokens: tokens,
  max_completion_tokens: tokens,
  /** Answers that are asked for at once (Chat Completions). */
  n: tokens,
});

/** More than any budget has: however much a request names, sums of it stay numbers. */
const mostTokens = 1e13;

/** The largest cost that a call can have. `usd` is null where the model has no known price. */
export interface LargestCost extends Omit<Amounts, 'usd'> {
  readonly usd: number | null;
}

/** From above, and from the request alone. */
export function largestCost(upstream: string, body: string, at: Date): LargestCost {
  const request = tryParseJson(body, requestSchema);
  const model = request?.model ?? null;
  const inputTokens = largestInput(model ?? '', body);
  const said = request?.max_completion_tokens ?? request?.max_output_tokens ?? request?.max_tokens;
  const outputTokens = Math.min(mostTokens, (said ?? largestOutput(model ?? '')) * Math.max(1, request?.n ?? 1));
  return { usd: dearest(upstream, model, inputTokens, outputTokens, at), tokens: inputTokens + outputTokens, calls: 1 };
}

/** Tokens that are written into a cache cost more than others with some providers, and are free with others. */
function dearest(
  upstream: string,
  model: string | null,
  inputTokens: number,
  outputTokens: number,
  at: Date,
): number | null {
  const usage = { inputTokens, outputTokens, cachedTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 };
  const prices = [
    usage,
    { ...usage, cacheWriteTokens: inputTokens },
    { ...usage, cacheWriteTokens: inputTokens, cacheWriteHourTokens: inputTokens },
  ].flatMap((one) => priceCall(upstream, model, one, at) ?? []);
  return prices.length === 0 ? null : Math.max(...prices);
}
