import { expect, test } from 'vitest';
import { readUpstreams } from '../../src/interceptor/options.ts';

test('with no key there is no real upstream', () => {
  expect(readUpstreams({ OPENAI_BASE_URL: 'http://127.0.0.1:1/v1', ANTHROPIC_API_KEY: ' ' })).toEqual({});
});

test('a key alone means the provider itself', () => {
  expect(readUpstreams({ OPENAI_API_KEY: 'a', ANTHROPIC_API_KEY: 'b' })).toEqual({
    openai: { apiKey: 'a', baseUrl: 'https://api.openai.com/v1' },
    anthropic: { apiKey: 'b', baseUrl: 'https://api.anthropic.com' },
  });
});

test('an address of its own is taken without blanks and closing slashes, a key without the line break of its file', () => {
  expect(readUpstreams({ OPENAI_API_KEY: 'a\n', OPENAI_BASE_URL: ' http://gateway/openai/v1/ ' })).toEqual({
    openai: { apiKey: 'a', baseUrl: 'http://gateway/openai/v1' },
  });
});

test('an address that is none is refused by the name of its variable', () => {
  expect(() => readUpstreams({ OPENAI_API_KEY: 'a', OPENAI_BASE_URL: 'api.openai.com/v1' })).toThrow(
    /^OPENAI_BASE_URL: is no http or https address$/,
  );
});

test("Anthropic's address may be given with `/v1` or without", () => {
  const [apiKey, baseUrl] = ['b', 'http://gateway/anthropic'];
  for (const given of [baseUrl, `${baseUrl}/v1`, `${baseUrl}/v1/`]) {
    expect(readUpstreams({ ANTHROPIC_API_KEY: apiKey, ANTHROPIC_BASE_URL: given })).toEqual({
      anthropic: { apiKey, baseUrl },
    });
  }
});
