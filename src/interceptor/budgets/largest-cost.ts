import { z } from 'zod';
import type { Amounts } from '../../model/budget.ts';
import { tryParseJson } from '../../model/json.ts';
import { priceCall } from '../prices.ts';
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

/** What an image or a document may come to beyond the bytes that stand for it: a small one is scaled up before it is read. */
const attachmentTokens = 10_000;
const attachment = /"type"\s*:\s*"(image|image_url|input_image|document|input_file|file|input_audio)"/g;

/** What lies with the provider or elsewhere may be as large as a context can be. */
const elsewhereTokens = 2_000_000;
const elsewhere =
  /"(previous_response_id|conversation|file_id|file_url)"\s*:\s*["{]|"(url|image_url)"\s*:\s*"https?:|"type"\s*:\s*"item_reference"/;

/** The largest cost that a call can have. `usd` is null where the model has no known price. */
export interface LargestCost extends Omit<Amounts, 'usd'> {
  readonly usd: number | null;
}

/**
 * From above, and from the request alone. A token of text stands for a byte at least, and what providers add to a message
 * is less than the JSON around it, so that input has no more tokens than the body has bytes: about four times too many.
 */
export function largestCost(upstream: string, body: string, at: Date): LargestCost {
  const request = tryParseJson(body, requestSchema);
  const model = request?.model ?? null;
  const attachments = body.match(attachment)?.length ?? 0;
  const inputTokens =
    Buffer.byteLength(body) + attachments * attachmentTokens + (elsewhere.test(body) ? elsewhereTokens : 0);
  const said = request?.max_completion_tokens ?? request?.max_output_tokens ?? request?.max_tokens;
  const outputTokens = (said ?? largestOutput(model ?? '')) * Math.max(1, request?.n ?? 1);
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
