import { describe, expect, test } from 'vitest';
import type { Json } from '../../../src/model/json.ts';
import { type MadeCall, call, family, trajectoryOf } from './support.ts';

const messages = { dialect: 'anthropic-messages', path: '/v1/messages?beta=true', upstream: 'anthropic' } as const;
const tools = [{ name: 'Agent', input_schema: { type: 'object' } }];
const text = (words: string) => ({ type: 'text', text: words });
const use = (id: string, input: Json) => ({ type: 'tool_use', id, name: 'Agent', input });
const result = (id: string, content: string) => ({ type: 'tool_result', tool_use_id: id, content });
const user = (...content: Json[]) => ({ role: 'user', content });
const said = (...content: Json[]) => ({ role: 'assistant', content });
const ask = (system: string, ...conversation: Json[]): Json => ({
  model: 'claude',
  system,
  messages: conversation,
  tools,
});
const made = (request: Json, ...content: Json[]): MadeCall => call(request, { content }, messages);

const job = 'Find out which of the tests in /app fail, and why.';
const main = 'You are the agent.';
const start = user(text('Mend the list.'));

/** An agent that has a sub-agent do something, which takes two turns. */
function delegated(): MadeCall[] {
  const asked = said(use('a', { description: 'tests', prompt: job }));
  const sub = ask('You are a sub-agent.', user(text('<system-reminder>'), text(job)));
  const looked = said(use('s', { command: 'pytest' }));
  return [
    made(ask(main, start), ...asked.content),
    made(sub, ...looked.content),
    made(
      ask('You are a sub-agent.', user(text('<system-reminder>'), text(job)), looked, user(result('s', '1 failed'))),
      text('test_list fails.'),
    ),
    made(ask(main, start, asked, user(result('a', 'test_list fails.'))), text('It is mended.')),
  ];
}

test('a sub-agent is a trajectory of its own, at the result of the tool call that asked for it', async () => {
  const { steps, subagent_trajectories: subs } = await trajectoryOf(delegated());
  expect(steps.map(({ message }) => message)).toEqual([main, 'Mend the list.', '', 'It is mended.']);
  expect(steps[2]?.observation?.results).toEqual([
    { source_call_id: 'a', content: 'test_list fails.', subagent_trajectory_ref: [{ trajectory_id: 'r.1.1' }] },
  ]);
  expect(subs).toMatchObject([
    {
      trajectory_id: 'r.1.1',
      steps: [
        { source: 'system', message: 'You are a sub-agent.' },
        { source: 'user' },
        { source: 'user', message: job },
        { source: 'agent', observation: { results: [{ source_call_id: 's', content: '1 failed' }] } },
        { source: 'agent', message: 'test_list fails.' },
      ],
      final_metrics: { total_prompt_tokens: 20, total_steps: 5, extra: { llm_calls: 2 } },
    },
  ]);
});

test("a sub-agent's own sub-agent stands in its trajectory", async () => {
  const inner = 'Read /app/test_list.py and say what it expects.';
  const [first, second, ...rest] = delegated();
  if (!first || !second) throw new Error('no calls');
  const delegating = { ...second, response: { content: [use('s', { prompt: inner })] } };
  const asked = made(ask('You are small.', user(text(inner))), text('A sorted list.'));
  const sorted = [first, delegating, asked, ...rest.map((one) => ({ ...one }))];
  const trajectory = await trajectoryOf(sorted);
  expect(family(trajectory).map(({ trajectory_id }) => trajectory_id)).toEqual(['r.1', 'r.1.1', 'r.1.2']);
  expect(trajectory.subagent_trajectories).toMatchObject([
    { subagent_trajectories: [{ trajectory_id: 'r.1.2' }], final_metrics: { extra: { llm_calls: 3 } } },
  ]);
  expect(trajectory.final_metrics.extra.llm_calls).toBe(5);
});

test('sub-agents at work at once, each asked by a tool call of its own, are told apart', async () => {
  const jobs = ['Look into the first half of the list.', 'Look into the other half of the list.'];
  const asked = said(...jobs.map((prompt, index) => use(`a${index}`, { prompt })));
  const sub = (at: number, ...more: Json[]) => ask('You are a sub-agent.', user(text(jobs[at] ?? '')), ...more);
  const turn = (at: number) => [said(use(`s${at}`, {})), user(result(`s${at}`, `half ${at}`))];
  const { steps, subagent_trajectories: subs } = await trajectoryOf([
    made(ask(main, start), ...asked.content),
    made(sub(1), use('s1', {})),
    made(sub(0), use('s0', {})),
    made(sub(1, ...turn(1)), text('The other is fine.')),
    made(sub(0, ...turn(0)), text('The first is fine.')),
    made(ask(main, start, asked, user(result('a0', 'fine'), result('a1', 'fine'))), text('Done.')),
  ]);
  expect(subs?.map((one) => one.steps.at(-1)?.message)).toEqual(['The other is fine.', 'The first is fine.']);
  expect(steps[2]?.observation?.results).toMatchObject([
    { source_call_id: 'a0', subagent_trajectory_ref: [{ trajectory_id: 'r.1.2' }] },
    { source_call_id: 'a1', subagent_trajectory_ref: [{ trajectory_id: 'r.1.1' }] },
  ]);
});

describe('a request for a title, which offers no tools,', () => {
  const title = () =>
    made({ model: 'claude-haiku', messages: [user(text('A title for: Mend the list.'))] }, text('List'));

  test('is not taken for the work of the agent, even where it comes first', async () => {
    const { steps, subagent_trajectories: subs } = await trajectoryOf([title(), ...delegated()]);
    expect(steps[0]?.message).toBe(main);
    expect(steps[0]?.observation?.results).toEqual([{ subagent_trajectory_ref: [{ trajectory_id: 'r.1.1' }] }]);
    expect(subs?.[0]).toMatchObject({ trajectory_id: 'r.1.1', final_metrics: { extra: { llm_calls: 1 } } });
  });

  test('stands at the step before it', async () => {
    const { steps } = await trajectoryOf([...delegated(), title()]);
    expect(steps.at(-1)?.observation?.results).toEqual([{ subagent_trajectory_ref: [{ trajectory_id: 'r.1.2' }] }]);
  });
});

test('a count of tokens is no conversation, and listed', async () => {
  const counted = call(
    ask(main, start),
    { input_tokens: 7 },
    { ...messages, path: '/v1/messages/count_tokens', usage: null, costUsd: null },
  );
  const { extra, subagent_trajectories, steps } = await trajectoryOf([counted, made(ask(main, start), text('Done.'))]);
  expect(steps).toHaveLength(3);
  expect(subagent_trajectories).toBeUndefined();
  expect(extra.other_calls).toMatchObject([{ request: 'POST /v1/messages/count_tokens' }]);
});

describe('a request that is answered twice', () => {
  const once = () => made(ask(main, start), use('first', {}));
  const again = () => made(ask(main, start), use('second', {}));
  const on = (id: string) => made(ask(main, start, said(use(id, {})), user(result(id, 'ok'))), text('Done.'));

  test('goes on with the answer that the agent took', async () => {
    for (const taken of ['first', 'second']) {
      const { steps, subagent_trajectories: subs, final_metrics } = await trajectoryOf([once(), again(), on(taken)]);
      expect(steps.map(({ tool_calls }) => tool_calls?.[0]?.tool_call_id)).toEqual([
        undefined,
        undefined,
        taken,
        undefined,
      ]);
      expect(subs).toHaveLength(1);
      expect(final_metrics.total_prompt_tokens).toBe(30);
    }
  });
});

describe('of several attempts', () => {
  const attempts = () => {
    const first = delegated().map((one) => ({ ...one, record: { ...one.record, attempt: 1 } }));
    const failed = call(ask(main, start), null, { ...messages, attempt: 1, status: 'reset', costUsd: null });
    const second = delegated().map((one) => ({ ...one, record: { ...one.record, attempt: 2 } }));
    return [...first, failed, ...second];
  };

  test('the last is the trajectory, and holds the others whole', async () => {
    const {
      trajectory_id,
      extra,
      steps,
      subagent_trajectories: subs,
      final_metrics,
    } = await trajectoryOf(attempts(), { attempt: 2 });
    expect(trajectory_id).toBe('r.2');
    expect(steps).toHaveLength(4);
    expect(extra).toMatchObject({ attempt: 2, earlier_attempts: ['r.1'] });
    expect(subs?.map((sub) => sub.trajectory_id)).toEqual(['r.2.1', 'r.1']);
    expect(subs?.[1]).toMatchObject({
      extra: { attempt: 1, other_calls: [{ status: 'reset', metrics: { prompt_tokens: 10 } }] },
      subagent_trajectories: [{ trajectory_id: 'r.1.1' }],
      final_metrics: { total_prompt_tokens: 50, extra: { llm_calls: 5, calls_without_price: 1 } },
    });
    expect(final_metrics).toMatchObject({ total_prompt_tokens: 90, extra: { llm_calls: 9, calls_without_price: 1 } });
    expect(final_metrics).not.toHaveProperty('total_cost_usd');
  });

  test('the last is the trajectory even where it made no call', async () => {
    const { trajectory_id, steps, subagent_trajectories: subs } = await trajectoryOf(attempts(), { attempt: 3 });
    expect(trajectory_id).toBe('r.3');
    expect(steps).toMatchObject([{ source: 'system' }]);
    expect(subs?.map((sub) => sub.trajectory_id)).toEqual(['r.1', 'r.2']);
  });
});
