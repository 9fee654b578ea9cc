import { jsonSchema, tryParseJson } from '../../model/json.ts';

/** The prompt that a provider adds where there are tools: Anthropic's 159 to 530 tokens (its page on prices of tool use). */
const addedTokens = 1000;

/** A tool whose definition lies with the provider, by its name alone: Anthropic's text editor is the largest, 735 tokens. */
const ownToolTokens = 1000;
const ownTool = /"type"\s*:\s*"[a-z_]+_20\d{6}"/g;

/** An image, also where nothing says its type, as Chat Completions take it, too. A small one is scaled up before it is read. */
const image = /"type"\s*:\s*"(image|image_url|input_image)"|"image"\s*:\s*"/g;

/**
 * Tokens of the largest image. GPT-4o mini: 2,833 and 5,667 for each of at most 8 tiles. Claude: 4,784 visual tokens
 * (2,576 pixels at the longer edge), before Opus 4.7 about 1,600. GPT-5 and others: 10,000 patches at full detail, times
 * 2.46 at most, the largest factor of any model. From the providers' pages on vision.
 */
const imageTokens: readonly (readonly [model: RegExp, tokens: number])[] = [
  [/gpt-4o-mini/, 48_169],
  [/^claude/, 5000],
];
const largestImageTokens = 25_000;

/**
 * What lies with the provider or elsewhere, and a document, whose pages may be many however small it is, can be as large as a
 * context: the largest of OpenAI's is 1,050,000 tokens, of Anthropic's 1,000,000.
 */
const contextTokens = 1_100_000;
const unbounded =
  /"(previous_response_id|conversation|file_id|file_url)"\s*:\s*["{]|"prompt"\s*:\s*\{|"(url|image_url)"\s*:\s*"https?:|"type"\s*:\s*"(item_reference|document|input_file|file)"/;

/**
 * The most tokens that a request's input can have. One of text stands for a byte at least, and what providers put around a
 * message is less than the JSON around it, so that text has no more tokens than bytes: about four times too many.
 */
export function largestInput(model: string, body: string): number {
  const text = plain(body);
  const perImage = imageTokens.find(([pattern]) => pattern.test(model))?.[1] ?? largestImageTokens;
  return (
    Buffer.byteLength(body) +
    addedTokens +
    occurrences(text, ownTool) * ownToolTokens +
    occurrences(text, image) * perImage +
    (unbounded.test(text) ? contextTokens : 0)
  );
}

/** What is looked for may be written with escapes, which are read as the same. */
function plain(body: string): string {
  if (!body.includes('\\u00') && !body.includes('\\/')) return body;
  const parsed = tryParseJson(body, jsonSchema);
  return parsed === undefined ? body : JSON.stringify(parsed);
}

function occurrences(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}
