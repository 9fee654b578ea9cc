import fc from 'fast-check';
import { expect, test } from 'vitest';
import { batchLines } from '../../src/cli/batch/batch-lines.ts';
import { plainRows, terminalRows } from '../../src/cli/batch/live-rows.ts';
import { plain } from '../../src/cli/output.ts';
import type { BatchFigures } from '../../src/model/batch-event-responses.ts';

const policy: BatchFigures['policies'][number] = {
  index: 0,
  name: null,
  agent: 'codex',
  model: 'gpt-5-mini',
  scored: 380,
  mean_reward: 0.71,
  mean_low: 0.66,
  mean_high: 0.76,
  pass_at: { 1: 0.71, 2: 0.8 },
};
const batch: BatchFigures = {
  id: 'b',
  name: null,
  deployment_id: 'd',
  deployment_name: 'tool',
  status: 'running',
  stop_reason: null,
  planned: 1000,
  started: 411,
  concurrency: 16,
  priority: 0,
  created_at: '2026-11-25T12:00:00.000Z',
  closed_at: null,
  url: '/api/harbor/batches/b',
  counts: {
    scored: 380,
    failed: { sandbox_lost: 3, agent_timeout: 12 },
    cancelled: 0,
    open: { running: 14, queued: 2 },
    not_started: 589,
  },
  mean_reward: 0.7134,
  mean_low: 0.68,
  mean_high: 0.745,
  policies: [policy],
  attempts: 412,
  llm_calls: 8123,
  tokens: 14_200_133,
  cost_usd: 12.312,
  unpriced_calls: 0,
  queued_s: 3.2,
  eta_s: 734,
};
const texts = (rows: readonly { readonly text: string }[]) => rows.map(({ text }) => text);

test('a terminal shows a bar, the time left, the mean with its interval, what was spent and what failed', () => {
  expect(texts(terminalRows(batch, 4, plain))).toEqual([
    `  ${'█'.repeat(13)}▒${'░'.repeat(18)}  395 of 1,000  39 %  16 open  about 12 min 10 s left`,
    '  status            running',
    '  reward            0.713 (95 %: 0.680 to 0.745)',
    '  codex:gpt-5-mini  pass@1 0.710, pass@2 0.800',
    '  spent             $12.31, 8,123 calls, 14,200,133 tokens',
    '  no reward         12 agent_timeout, 3 sandbox_lost',
  ]);
});

test('of several policies each has its own mean, and a name if it was given one', () => {
  const policies = [policy, { ...policy, index: 1, name: 'mine', mean_reward: null, mean_low: null, pass_at: {} }];
  expect(texts(terminalRows({ ...batch, policies }, 0, plain)).slice(3, 5)).toEqual([
    '  codex:gpt-5-mini  0.710 (95 %: 0.660 to 0.760), pass@1 0.710, pass@2 0.800',
    '  mine              none yet',
  ]);
});

test('the bar is always as wide, and whatever is there at all is seen in it', () => {
  const part = fc.integer({ min: 0, max: 5000 });
  fc.assert(
    fc.property(part, part, part, part, (scored, failed, open, rest) => {
      const planned = scored + failed + open + rest;
      fc.pre(planned > 0);
      const counts = { scored, failed: { internal: failed }, cancelled: 0, open: { running: open }, not_started: rest };
      const [first = ''] = texts(terminalRows({ ...batch, planned, counts }, 0, plain));
      const bar = first.trim().split(' ')[0] ?? '';
      expect(bar).toHaveLength(32);
      expect(bar.includes('▒')).toBe(open > 0);
      expect(bar.includes('█')).toBe(scored + failed > 0);
      expect(bar.includes('░')).toBe(rest > 0);
    }),
  );
});

test('where lines cannot be rewritten there is news after each twentieth, and when it is paused or stopped', () => {
  const at = (scored: number, more: Partial<BatchFigures> = {}) =>
    plainRows({ ...batch, ...more, counts: { ...batch.counts, failed: {}, scored } }, plain)[0];
  expect(at(380)?.text).toBe(
    'running: 380 of 1,000 ended; 16 open; reward 0.713 (95 %: 0.680 to 0.745); $12.31, 8,123 calls, 14,200,133 tokens; about 12 min 14 s left',
  );
  expect(at(399)?.state).toBe(at(380)?.state);
  expect(at(400)?.state).not.toBe(at(399)?.state);
  expect(at(400, { status: 'paused' })?.state).not.toBe(at(400)?.state);
  expect(at(400, { stop_reason: 'budget_exhausted: usd' })?.state).not.toBe(at(400)?.state);
});

test('a batch that has ended is told with what stopped it and what is missing', () => {
  const ended = { ...batch, status: 'completed', stop_reason: 'budget_exhausted: usd', eta_s: null } as const;
  const counts = { ...batch.counts, open: {}, not_started: 605 };
  expect(batchLines({ ...ended, counts, unpriced_calls: 2 }, plain)).toEqual([
    '  status            completed, stopped by budget_exhausted: usd',
    '  planned           1,000: 380 scored, 605 not started',
    '  no reward         12 agent_timeout, 3 sandbox_lost',
    '  reward            0.713 (95 %: 0.680 to 0.745)',
    '  codex:gpt-5-mini  pass@1 0.710, pass@2 0.800',
    '  spent             $12.31 and 2 calls without a known price, 8,123 calls, 14,200,133 tokens',
    '  attempts          412, 3.2 s in the queue on average',
  ]);
});
