/**
 * Output tokens that a model writes at most where a request does not say, reasoning with them, as the pages of OpenAI's
 * models give them (https://platform.openai.com/docs/models). Anthropic's requests always say it.
 */
const known: readonly (readonly [model: RegExp, tokens: number])[] = [
  [/^gpt-4\.1/, 32_768],
  [/^(gpt-4o|chatgpt-4o)/, 16_384],
  [/^o[134]/, 100_000],
];

/** The most that any of the models in sale here writes: what is reserved for one that is not known. */
const most = 128_000;

export function largestOutput(model: string): number {
  return known.find(([pattern]) => pattern.test(model))?.[1] ?? most;
}
