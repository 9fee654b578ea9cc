import { expect, test } from 'vitest';
import { priceCall } from '../../src/interceptor/prices.ts';

const usage = { inputTokens: 1_000_000, cachedTokens: 0, cacheWriteTokens: 0, outputTokens: 0, reasoningTokens: 0 };
const at = new Date('2026-06-01');

test('cached tokens are part of the input and cost less', () => {
  expect(priceCall('openai', 'gpt-4.1', usage, at)).toBeCloseTo(2, 9);
  expect(priceCall('openai', 'gpt-4.1', { ...usage, cachedTokens: 1_000_000 }, at)).toBeCloseTo(0.5, 9);
});

test('tokens that the cache keeps for an hour cost more than those that it keeps for minutes', () => {
  const written = { ...usage, inputTokens: 100_000, cacheWriteTokens: 100_000 };
  expect(priceCall('anthropic', 'claude-sonnet-4-5', written, at)).toBeCloseTo(0.375, 9);
  const kept = { ...written, cacheWriteHourTokens: 100_000 };
  expect(priceCall('anthropic', 'claude-sonnet-4-5', kept, at)).toBeCloseTo(0.6, 9);
  expect(priceCall('anthropic', 'claude-sonnet-4-5', { ...kept, cacheWriteHourTokens: 100_001 }, at)).toBeNull();
});

test.each([
  ['an unknown model', 'openai', 'house-model'],
  ['a model of another provider', 'openai', 'claude-sonnet-4-20250514'],
  ['no model', 'openai', null],
])('%s has no price', (_, provider, model) => {
  expect(priceCall(provider, model, usage, at)).toBeNull();
});

test('usage that cannot be has no price', () => {
  expect(priceCall('openai', 'gpt-4.1', { ...usage, cachedTokens: 1_000_001 }, at)).toBeNull();
});
