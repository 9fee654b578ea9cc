import { describe, expect, test } from 'vitest';
import type { Json } from '../../../src/model/json.ts';
import { call, trajectoryOf } from './support.ts';

const system = { role: 'system', content: 'You are a coding agent.' };
const user = { role: 'user', content: 'Mend the list.' };
const tools = [{ type: 'function', function: { name: 'bash', description: 'Runs.', parameters: { type: 'object' } } }];
const toolCall = (id: string, input: string) => ({
  id,
  type: 'function',
  function: { name: 'bash', arguments: input },
});
const said = (content: string | null, ...calls: ReturnType<typeof toolCall>[]) => ({
  role: 'assistant',
  content,
  ...(calls.length > 0 && { tool_calls: calls }),
});
const result = (id: string, content: string) => ({ role: 'tool', tool_call_id: id, content });
const answer = (message: Json, more: object = {}): Json => ({ choices: [{ message, ...more }] });
const ask = (...messages: Json[]): Json => ({ model: 'gpt-5-mini', messages, tools });

/** Two turns, as agents do them: the second request repeats the first. */
function twoTurns() {
  const first = said('I look.', toolCall('a', '{"command":"ls"}'), toolCall('b', '{"command":"pwd"}'));
  return [
    call(ask(system, user), answer(first)),
    call(ask(system, user, first, result('b', '/app'), result('a', 'list.py')), answer(said('It is mended.'))),
  ];
}

test('a conversation: each thing once, one step for each answer, results at the step that asked for them', async () => {
  const { steps, agent } = await trajectoryOf(twoTurns());
  expect(steps).toMatchObject([
    { step_id: 1, source: 'system', message: 'You are a coding agent.' },
    { step_id: 2, source: 'user', message: 'Mend the list.' },
    {
      step_id: 3,
      source: 'agent',
      message: 'I look.',
      model_name: 'gpt-5-mini-2026',
      llm_call_count: 1,
      tool_calls: [
        { tool_call_id: 'a', function_name: 'bash', arguments: { command: 'ls' } },
        { tool_call_id: 'b', function_name: 'bash', arguments: { command: 'pwd' } },
      ],
      observation: {
        results: [
          { source_call_id: 'b', content: '/app' },
          { source_call_id: 'a', content: 'list.py' },
        ],
      },
      metrics: {
        prompt_tokens: 10,
        completion_tokens: 5,
        cached_tokens: 4,
        cost_usd: 0.25,
        extra: { cache_write_tokens: 3, reasoning_tokens: 2 },
      },
    },
    { step_id: 4, source: 'agent', message: 'It is mended.' },
  ]);
  expect(agent).toMatchObject({ name: 'codex', version: 'unknown', model_name: 'gpt-5-mini', tool_definitions: tools });
});

test('the same words said twice are two steps', async () => {
  const more = { role: 'user', content: 'Go on.' };
  const { steps } = await trajectoryOf([
    call(ask(user), answer(said('Done.'))),
    call(ask(user, said('Done.'), more), answer(said('Done.'))),
    call(ask(user, said('Done.'), more, said('Done.'), more), answer(said('Really done.'))),
  ]);
  expect(steps.map(({ message }) => message)).toEqual([
    'Mend the list.',
    'Done.',
    'Go on.',
    'Done.',
    'Go on.',
    'Really done.',
  ]);
});

test.each([
  ['JSON that is no object', '[1]', { input: '[1]' }],
  ['JSON that was cut off', '{"command":"l', { input: '{"command":"l' }],
  ['a patch', '*** Begin Patch', { input: '*** Begin Patch' }],
  ['nothing', '', {}],
])('arguments are an object, also where the model gave %s', async (_, input, expected) => {
  const { steps } = await trajectoryOf([call(ask(user), answer(said(null, toolCall('a', input))))]);
  expect(steps.at(-1)).toMatchObject({ message: '', tool_calls: [{ arguments: expected }] });
});

test('reasoning is told apart from the message', async () => {
  const { steps } = await trajectoryOf([
    call({ messages: [user], reasoning_effort: 'high' }, answer({ ...said('Done.'), reasoning_content: 'Hm.' })),
  ]);
  expect(steps.at(-1)).toMatchObject({ message: 'Done.', reasoning_content: 'Hm.', reasoning_effort: 'high' });
});

describe('what was there before the first recorded call', () => {
  const before = said('I looked.', toolCall('z', '{}'));

  test('stands as copied context, which no call made', async () => {
    const { steps } = await trajectoryOf([
      call(ask(system, user, before, result('z', 'list.py')), answer(said('Done.'))),
    ]);
    expect(steps).toMatchObject([
      { source: 'system' },
      { source: 'user' },
      {
        source: 'agent',
        message: 'I looked.',
        is_copied_context: true,
        llm_call_count: 0,
        observation: { results: [{ source_call_id: 'z', content: 'list.py' }] },
      },
      { source: 'agent', message: 'Done.' },
    ]);
    expect(steps[2]).not.toHaveProperty('metrics');
  });

  test('a result of a tool call that nobody made is kept without its name', async () => {
    const { steps } = await trajectoryOf([call(ask(user, result('x', 'list.py')), answer(said('Done.')))]);
    expect(steps[0]).toMatchObject({ source: 'user', observation: { results: [{ content: 'list.py' }] } });
  });
});

describe('a call that failed', () => {
  const [first, second] = twoTurns();
  if (!first || !second) throw new Error('no turns');
  const failed = call(
    second.request,
    { error: { message: 'slow down' } },
    { status: 'http_error', usage: null, costUsd: null, error: 'slow down', httpStatus: 429 },
  );

  test('makes no step, but is listed', async () => {
    const retried = { ...second, record: { ...second.record, id: 'call-999999', retryOf: failed.record.id } };
    const { steps, extra } = await trajectoryOf([first, failed, retried]);
    expect(steps.map(({ source }) => source)).toEqual(['system', 'user', 'agent', 'agent']);
    expect(steps.at(-1)).toMatchObject({ extra: { retry_of: failed.record.id } });
    expect(extra.other_calls).toMatchObject([
      { call_id: failed.record.id, status: 'http_error', http_status: 429, error: 'slow down', metrics: {} },
    ]);
  });

  test('at the end still tells what the tools had answered', async () => {
    const { steps } = await trajectoryOf([first, failed]);
    expect(steps.at(-1)).toMatchObject({ source: 'agent', observation: { results: [{ content: '/app' }, {}] } });
  });

  test('alone leaves its question', async () => {
    const { steps, final_metrics } = await trajectoryOf([failed]);
    expect(steps[0]).toMatchObject({ source: 'system', message: 'You are a coding agent.' });
    expect(final_metrics).toMatchObject({ total_prompt_tokens: 0, total_cost_usd: 0, extra: { llm_calls: 1 } });
  });
});

test('a rollout without a call is a trajectory with one step that says so', async () => {
  const { steps, final_metrics } = await trajectoryOf([], { extra: { reward: 1 } });
  expect(steps).toEqual([{ step_id: 1, source: 'system', message: 'No LLM call can be shown.' }]);
  expect(final_metrics).toMatchObject({ total_prompt_tokens: 0, total_cost_usd: 0, total_steps: 1 });
});

describe('a request that does not repeat the conversation', () => {
  const responses = { dialect: 'openai-responses', path: '/v1/responses' } as const;
  const text = (words: string) => ({ type: 'message', content: [{ type: 'output_text', text: words }] });

  test('goes on from the answer that it names', async () => {
    const input = 'Mend the list.';
    const first = call({ input }, { output: [text('Shall I?')] }, { ...responses, responseId: 'resp_1' });
    const second = call(
      { input: 'Do.', previous_response_id: 'resp_1' },
      { output: [text('Done.')] },
      { ...responses, responseId: 'resp_2' },
    );
    const { steps, subagent_trajectories } = await trajectoryOf([first, second]);
    expect(steps.map(({ message }) => message)).toEqual(['Mend the list.', 'Shall I?', 'Do.', 'Done.']);
    expect(subagent_trajectories).toBeUndefined();
  });
});

describe('an agent that sums up what grew too long', () => {
  const summary = 'The list in list.py was broken; I have mended its first half and go on with the second.';

  test.each([
    ['', ''],
    ['with what the model thought before it left out', 'The user wants me to sum up; I think of the list.\n'],
  ])('goes on with the same conversation %s', async (_, thought) => {
    const again = { role: 'user', content: `This is what happened so far: ${summary}` };
    const ending = { role: 'user', content: 'Sum up.' };
    const { steps, subagent_trajectories } = await trajectoryOf([
      call(ask(system, user), answer(said('I look.'))),
      call(ask(system, user, said('I look.'), ending), answer(said(thought + summary))),
      call(ask(system, again), answer(said('Done.'))),
    ]);
    expect(subagent_trajectories).toBeUndefined();
    expect(steps.map(({ message }) => message)).toEqual([
      system.content,
      user.content,
      'I look.',
      'Sum up.',
      thought + summary,
      again.content,
      'Done.',
    ]);
  });

  test('is told from one that says something else', async () => {
    const other = { role: 'user', content: 'Write a poem about sorting, please, and make it rhyme.' };
    const { subagent_trajectories: subs } = await trajectoryOf([
      call(ask(system, user), answer(said(summary))),
      call(ask(system, other), answer(said('Roses are red.'))),
    ]);
    expect(subs).toHaveLength(1);
  });

  test('or leaves parts of it out, goes on by the tool calls that it knows', async () => {
    const [first, second] = twoTurns();
    if (!first || !second) throw new Error('no turns');
    const look = said('I look.', toolCall('a', '{"command":"ls"}'));
    const shortened = { role: 'user', content: '[left out]' };
    const third = call(ask(system, shortened, look, result('a', '[left out]')), answer(said('Done.')));
    const { steps, subagent_trajectories } = await trajectoryOf([first, third]);
    expect(subagent_trajectories).toBeUndefined();
    expect(steps.map(({ message }) => message)).toEqual([
      system.content,
      user.content,
      'I look.',
      '[left out]',
      'Done.',
    ]);
  });
});
