import { expect, test } from 'vitest';
import type { Json } from '../../../src/model/json.ts';
import { tokenData } from '../../../src/trace/atif/token-data.ts';
import { call, trajectoryOf } from './support.ts';

const logprobs = {
  content: [
    { token: 'H', logprob: -0.5 },
    { token: 'i', logprob: -0.25 },
  ],
};
const vllm = {
  prompt_token_ids: [1, 2, 3],
  choices: [{ message: { role: 'assistant', content: 'Hi' }, token_ids: [4, 5], logprobs }],
};

test("vLLM's token ids and log-probabilities stand in the metrics of the step", async () => {
  const { steps } = await trajectoryOf([call({ messages: [{ role: 'user', content: 'Hello' }] }, vllm)]);
  expect(steps.at(-1)?.metrics).toMatchObject({
    prompt_tokens: 10,
    prompt_token_ids: [1, 2, 3],
    completion_token_ids: [4, 5],
    logprobs: [-0.5, -0.25],
  });
});

test('where not every token has its log-probability, the step says so', async () => {
  const [choice] = vllm.choices;
  const fewer = { choices: [{ ...choice, token_ids: [4, 5, 6] }] };
  const { steps } = await trajectoryOf([call({ messages: [] }, fewer)]);
  expect(steps.at(-1)?.metrics).toMatchObject({ extra: { tokens_do_not_match: true } });
});

test('the Responses API has log-probabilities in the parts of its messages', () => {
  const part = (logprob: number) => ({ type: 'output_text', text: 'x', logprobs: [{ token: 'x', logprob }] });
  const output: Json = [
    { type: 'reasoning', content: null },
    { type: 'message', content: [part(-1), part(-2)] },
    { type: 'function_call', name: 'bash' },
  ];
  expect(tokenData({ output })).toEqual({ logprobs: [-1, -2] });
});

test.each<[string, Json]>([
  ['no answer', null],
  ['an answer without any', { choices: [{ message: {}, logprobs: null }] }],
  ['empty lists', { prompt_token_ids: [], choices: [{ token_ids: [], logprobs: { content: [] } }] }],
  ['log-probabilities of which one is missing', { choices: [{ logprobs: { content: [{ logprob: -1 }, {}] } }] }],
])('%s gives none', (_, response) => {
  expect(tokenData(response)).toEqual({});
});
