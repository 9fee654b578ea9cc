/**
 * Output tokens that a model writes at most where a request does not say, reasoning with them, as the pages of OpenAI's
 * models give them (https://platform.openai.com/docs/models, one page a model). Anthropic's requests always say it.
 */
const known: readonly (readonly [model: RegExp, tokens: number])[] = [
  [/^gpt-4\.1/, 32_768],
  // Its variant with long output, gpt-4o-64k-output-alpha, is none of them.
  [/^(chatgpt-4o|gpt-4o)(?!-64k)/, 16_384],
  [/^o[134]/, 100_000],
  // GPT-5 pro alone writes more, the later pro models do not.
  [/^gpt-(5(?!-pro)|6)/, 128_000],
];

/** What GPT-5 pro writes at most, and none in sale here more: it is reserved for one that is not known. */
const most = 272_000;

export function largestOutput(model: string): number {
  return known.find(([pattern]) => pattern.test(model))?.[1] ?? most;
}
