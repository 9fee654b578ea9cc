import { describe, expect, test } from 'vitest';
import { largestCost } from '../../../src/interceptor/budgets/largest-cost.ts';

const at = new Date('2026-11-01');

/** Tokens beside the body's bytes. */
function beyondBytes(request: string): number {
  return largestCost('openai', request, at).tokens - Buffer.byteLength(request);
}

const asked = (fields: object) => JSON.stringify({ model: 'gpt-4.1-mini', max_completion_tokens: 100, ...fields });

describe('the output that a call may write', () => {
  test.each<[string, object, number]>([
    ['is what its request says', { max_completion_tokens: 7 }, 7],
    ['is that for each answer asked for', { max_completion_tokens: 7, n: 3 }, 21],
    ['is a number also where the request names more than any', { max_completion_tokens: 1e300, n: 1e300 }, 1e13],
    ['is the largest of the model without a word', { max_completion_tokens: undefined }, 32_768],
    ['is the largest where the word is none', { max_completion_tokens: 'few' }, 32_768],
  ])('%s', (_, fields, tokens) => {
    expect(beyondBytes(asked(fields))).toBe(1000 + tokens);
  });

  test.each([
    ['gpt-4o-mini', 16_384],
    ['gpt-4o-64k-output-alpha', 272_000],
    ['o4-mini', 100_000],
    ['gpt-5-mini', 128_000],
    ['gpt-5.2-pro', 128_000],
    ['gpt-5-pro', 272_000],
    ['gpt-6-astra', 128_000],
    ['nobody-knows-it', 272_000],
  ])('%s writes at most', (model, tokens) => {
    expect(beyondBytes(asked({ model, max_completion_tokens: undefined }))).toBe(1000 + tokens);
  });
});

describe('the input of a call is its bytes, and', () => {
  const image = { type: 'input_image', image_url: 'data:image/png;base64,AAAA' };
  test.each([
    ['nothing more for text that speaks of images', asked({ input: '"type":"input_image"' }), 0],
    ['an image', asked({ input: [image, image] }), 50_000],
    ['an image of GPT-4o mini', asked({ model: 'gpt-4o-mini', input: [image] }), 48_169],
    [
      'an image whose type is written with escapes',
      asked({ input: [image] }).replace('_i', String.raw`\u005fi`),
      25_000,
    ],
    ['an image without a type', asked({ messages: [{ role: 'user', content: [{ image: 'AAAA' }] }] }), 25_000],
    ["a tool of Anthropic's own", asked({ tools: [{ type: 'bash_20250124', name: 'bash' }] }), 1000],
    ['a document, however small', asked({ input: [{ type: 'input_file', file_data: 'AAAA' }] }), 1_100_000],
    ['an earlier response', asked({ previous_response_id: 'resp_1' }), 1_100_000],
    ['no earlier response', asked({ previous_response_id: null }), 0],
    ["a prompt of the provider's keeping", asked({ prompt: { id: 'pmpt_1' } }), 1_100_000],
    ['an image elsewhere', asked({ input: [{ image_url: { url: 'https://x.test/a.png' } }] }), 1_100_000],
    ['the same with escapes', '{"max_tokens":100,"image_url":"https:\\/\\/x.test\\/a.png"}', 1_100_000],
  ])('%s', (_, request, tokens) => {
    expect(beyondBytes(request)).toBe(1000 + 100 + tokens);
  });
});

test('its dollars are those of the dearest way to read it', () => {
  const body = JSON.stringify({ model: 'claude-sonnet-4-5', max_tokens: 1000, messages: [] });
  const { usd, tokens } = largestCost('anthropic', body, at);
  // To write an hour's cache costs twice the input's $3 for a million, the output $15.
  expect(usd).toBeCloseTo(((tokens - 1000) * 6 + 1000 * 15) / 1e6, 10);
});
