import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import type { CallRecord, CallUsage } from '../../../src/model/call.ts';
import { type Json, parseJson } from '../../../src/model/json.ts';
import { type MadeCall, type ReadTrajectory, call, family, trajectoryOf } from './support.ts';

/** Few words and few ids, so that conversations meet. */
const word = fc.constantFrom('a', 'b', 'A longer text, such as a prompt that is handed on to somebody.');
const id = fc.constantFrom('', 'x', 'y', 'z');
const tool = fc.record({ id, name: word, arguments: fc.constantFrom('{}', '{"prompt":"b"}', 'no JSON') });
const toolCalls = fc.array(
  tool.map(({ id: callId, ...rest }) => ({ id: callId, function: rest })),
  { maxLength: 2 },
);
const message: fc.Arbitrary<Json> = fc.oneof(
  fc.record({ role: fc.constantFrom('system', 'user'), content: word }),
  fc.record({ role: fc.constant('assistant'), content: word, tool_calls: toolCalls }),
  fc.record({ role: fc.constant('tool'), tool_call_id: id, content: word }),
);
const chat = fc.record({
  messages: fc.array(message, { maxLength: 6 }),
  tools: fc.constantFrom<Json>([], [{ name: 'a' }]),
});
const anything = fc.jsonValue().map((value) => parseJson(JSON.stringify(value), z.json()));
const request: fc.Arbitrary<Json> = fc.oneof({ weight: 6, arbitrary: chat }, { weight: 1, arbitrary: anything });
const completion = fc
  .record({ content: word, tool_calls: toolCalls })
  .map((said): Json => ({ choices: [{ message: { role: 'assistant', ...said } }] }));
const response: fc.Arbitrary<Json> = fc.oneof({ weight: 6, arbitrary: completion }, { weight: 1, arbitrary: anything });
const count = fc.nat(1_000_000);
const usage: fc.Arbitrary<CallUsage> = fc.record({
  inputTokens: count,
  cachedTokens: count,
  cacheWriteTokens: count,
  outputTokens: count,
  reasoningTokens: count,
});
const facts: fc.Arbitrary<Partial<CallRecord>> = fc.record({
  attempt: fc.integer({ min: 1, max: 3 }),
  dialect: fc.constantFrom('openai-chat', 'openai-chat', 'anthropic-messages', 'openai-responses', 'other'),
  status: fc.constantFrom('ok', 'ok', 'ok', 'http_error', 'reset', 'client_abort', 'killed', 'refused'),
  error: fc.constantFrom(null, null, 'slow down'),
  usage: fc.option(usage),
  costUsd: fc.option(fc.double({ min: 0, max: 3, noNaN: true }), { freq: 9 }),
});
const made = fc
  .array(fc.tuple(request, response, facts), { maxLength: 12 })
  .map((all) => all.map(([asked, answered, more]) => call(asked, answered, more)));

const sum = (values: readonly (number | null | undefined)[]): number =>
  values.reduce<number>((total, value) => total + (value ?? 0), 0);

/** What the store sums up for the same calls. */
function expected(calls: readonly MadeCall[]) {
  const records = calls.map(({ record }) => record);
  const unpriced = records.some(({ usage: used, costUsd }) => used !== null && costUsd === null);
  return {
    total_prompt_tokens: sum(records.map((one) => one.usage?.inputTokens)),
    total_completion_tokens: sum(records.map((one) => one.usage?.outputTokens)),
    total_cached_tokens: sum(records.map((one) => one.usage?.cachedTokens)),
    total_cost_usd: unpriced ? undefined : sum(records.map(({ costUsd }) => costUsd)),
  };
}

/** The calls that a trajectory shows, each with what it says of it. */
function shown(trajectory: ReadTrajectory) {
  const ofSteps = trajectory.steps.flatMap(({ metrics, extra }) => (metrics ? [{ metrics, extra }] : []));
  const others = (trajectory.extra.other_calls ?? []).map(({ metrics, ...extra }) => ({ metrics, extra }));
  return [...ofSteps, ...others];
}

test('sums are those of the call table to the last digit, and every call is shown once, whatever was said', async () => {
  await fc.assert(
    fc.asyncProperty(made, fc.integer({ min: 1, max: 3 }), async (calls, attempt) => {
      const root = await trajectoryOf(calls, { attempt });
      const { total_cost_usd, ...tokens } = root.final_metrics;
      expect({ ...tokens, total_cost_usd }).toMatchObject(expected(calls));
      expect(root.final_metrics.extra.llm_calls).toBe(calls.filter(({ record }) => record.status !== 'refused').length);
      const byId = new Map(calls.map((one) => [one.record.id, one]));
      const all = family(root).flatMap(shown);
      expect(all.map(({ extra }) => extra)).toHaveLength(calls.length);
      expect(new Set(all.map(({ extra }) => Object(extra)['call_id']))).toEqual(new Set(byId.keys()));
      for (const one of family(root)) {
        const held = family(one).flatMap(shown);
        const ids = held.map(({ extra }) => String(Object(extra)['call_id'])).toSorted();
        const own = ids.flatMap((callId) => byId.get(callId) ?? []);
        expect({ total_cost_usd: undefined, ...one.final_metrics }).toMatchObject(expected(own));
        expect(one.final_metrics.total_prompt_tokens).toBe(sum(held.map(({ metrics }) => metrics.prompt_tokens)));
        expect(one.final_metrics.total_steps).toBe(one.steps.length);
      }
    }),
    { numRuns: 300 },
  );
});

test('every step has its number, and names only tool calls of its own', async () => {
  await fc.assert(
    fc.asyncProperty(made, async (calls) => {
      for (const { steps } of family(await trajectoryOf(calls))) {
        expect(steps.map(({ step_id }) => step_id)).toEqual(steps.map((_, index) => index + 1));
        for (const { tool_calls: tools = [], observation } of steps) {
          const asked = tools.map(({ tool_call_id }) => tool_call_id);
          const answered = observation?.results.flatMap((result) => result.source_call_id ?? []) ?? [];
          expect(answered.filter((one) => !asked.includes(one))).toEqual([]);
        }
      }
    }),
    { numRuns: 300 },
  );
});
