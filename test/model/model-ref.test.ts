import { expect, test } from 'vitest';
import { readModel } from '../../src/model/model-ref.ts';

test.each([
  ['gpt-5-mini', undefined, 'gpt-5-mini', 'openai'],
  ['claude-sonnet-4-5', undefined, 'claude-sonnet-4-5', 'anthropic'],
  // As LiteLLM's users write them.
  ['openai/gpt-5-mini', undefined, 'gpt-5-mini', 'openai'],
  ['anthropic/my-tuned-model', undefined, 'my-tuned-model', 'anthropic'],
  ['my-tuned-model', 'Anthropic', 'my-tuned-model', 'anthropic'],
  // The existing client sends that provider with every model.
  ['claude-sonnet-4-5', 'openai', 'claude-sonnet-4-5', 'anthropic'],
  // What is before the name says more than what stands beside it.
  ['openai/gpt-5-mini', 'anthropic', 'gpt-5-mini', 'openai'],
  ['gpt-5-mini', 'azure', 'gpt-5-mini', 'openai'],
  ['qwen/qwen3-coder', undefined, 'qwen/qwen3-coder', 'openai'],
  ['openai/', undefined, 'openai/', 'openai'],
])('%s, given by %s, is %s of %s', (text, given, name, provider) => {
  expect(readModel(text, given)).toEqual({ name, provider });
});
