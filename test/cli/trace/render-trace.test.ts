import { describe, expect, test } from 'vitest';
import { plain } from '../../../src/cli/output.ts';
import { renderTrace } from '../../../src/cli/trace/render-trace.ts';
import type { Json } from '../../../src/model/json.ts';
import type { TraceCall } from '../../../src/sdk/client.ts';

let number = 0;

function call(fields: Partial<TraceCall>): TraceCall {
  number += 1;
  return {
    id: `call-${number}`,
    attempt: 1,
    dialect: 'openai-responses',
    upstream: 'openai',
    model: 'gpt-4.1-mini',
    status: 'ok',
    http_status: 200,
    stop_reason: 'completed',
    retry_of: null,
    usage: { input_tokens: 9812, cached_tokens: 9600, cache_write_tokens: 0, output_tokens: 53, reasoning_tokens: 0 },
    cost_usd: 0.004,
    started_at: '2026-11-23T10:00:00.000Z',
    ttfb_ms: 100,
    duration_ms: 1234,
    error: null,
    method: 'POST',
    path: '/v1/responses',
    request: null,
    response: null,
    request_bytes: 1,
    response_bytes: 1,
    ...fields,
  };
}

async function rendered(calls: readonly TraceCall[], full = false): Promise<string[]> {
  async function* stream(): AsyncGenerator<TraceCall> {
    yield* calls;
  }
  const lines: string[] = [];
  for await (const line of renderTrace(stream(), { paint: plain, full })) lines.push(line);
  return lines;
}

const message = (role: string, text: string): Json => ({
  type: 'message',
  role,
  content: [{ type: 'input_text', text }],
});
const said = (text: string): Json => ({ type: 'message', role: 'assistant', content: [{ type: 'output_text', text }] });
const ran = (id: string, cmd: string): Json => ({
  type: 'function_call',
  call_id: id,
  name: 'exec_command',
  arguments: JSON.stringify({ cmd }),
});
const result = (id: string, output: string): Json => ({ type: 'function_call_output', call_id: id, output });
const framed = (output: string, code = 0) =>
  `Chunk ID: 1\nWall time: 0.1 seconds\nProcess exited with code ${code}\nOutput:\n${output}`;

/** As codex speaks: every request repeats the conversation before it. */
function conversation(): [TraceCall, TraceCall, TraceCall] {
  const first: Json[] = [
    message('developer', 'You are a coding agent. '.repeat(100)),
    message('user', '<environment_context>\n  <cwd>/app</cwd>\n</environment_context>'),
    message('user', 'The list is broken.\nMend it.'),
  ];
  const second: Json[] = [
    ...first,
    said('Let me look.'),
    ran('a', 'ls\ncat list.py'),
    result('a', framed('list.py\nprint(1)\n')),
  ];
  const third: Json[] = [...second, ran('b', 'python3 list.py'), result('b', framed('Traceback\n', 1))];
  return [
    call({ request: { input: first }, response: { output: [said('Let me look.'), ran('a', 'ls\ncat list.py')] } }),
    call({ request: { input: second }, response: { output: [ran('b', 'python3 list.py')] } }),
    call({ request: { input: third }, response: { output: [said('It cannot be mended.')] } }),
  ];
}

describe('a trace', () => {
  test('reads like a terminal: what was asked, said, run and answered, in that order and once each', async () => {
    const lines = (await rendered(conversation())).map((line) => line.replace(/^(── \d ──).*/, '$1'));
    expect(lines).toEqual([
      '▏ developer prompt, 2.4 kB',
      '▏ environment_context, 62 bytes',
      '',
      '▌ The list is broken.',
      '▌ Mend it.',
      '',
      '── 1 ──',
      'Let me look.',
      '$ ls',
      '> cat list.py',
      '  list.py',
      '  print(1)',
      '',
      '── 2 ──',
      '$ python3 list.py',
      '  Traceback',
      '  exit code 1',
      '',
      '── 3 ──',
      'It cannot be mended.',
    ]);
  });

  test('tells of each call how long it took, its tokens, its cost and the sum so far', async () => {
    const heads = (await rendered(conversation())).filter((line) => line.startsWith('──'));
    expect(heads[0]).toContain('gpt-4.1-mini  1.2 s  9,812 in (9,600 cached), 53 out  $0.0040, $0.0040 so far');
    expect(heads[2]).toContain('$0.0040, $0.0120 so far');
  });

  test('does not add up what has no price', async () => {
    const [first, second] = conversation();
    const lines = await rendered([{ ...first, cost_usd: null }, second]);
    expect(lines.filter((line) => line.startsWith('──'))[1]).toContain('unknown so far');
  });

  test('marks calls that failed and those that repeat them', async () => {
    const [good] = conversation();
    const bad = call({
      request: good.request,
      status: 'http_error',
      http_status: 429,
      usage: null,
      error: 'slow down',
    });
    const lines = await rendered([bad, { ...good, retry_of: bad.id }]);
    expect(lines).toContain('✗ http error (429): slow down');
    expect(lines).toContain('↻ repeats call 1, which had failed');
    expect(lines.filter((line) => line === '▌ Mend it.').length).toBe(1);
  });

  test('does not speak of the usage of a call that was refused', async () => {
    const [good] = conversation();
    const refused = { ...good, status: 'refused', http_status: 400, usage: null, cost_usd: null, error: 'used up' };
    const [head, fault] = (await rendered([refused])).filter((line) => /^(── 1|✗)/.test(line));
    expect(head).toMatch(/1\.2 s {2}not forwarded$/);
    expect(fault).toBe('✗ refused (400): used up');
  });

  test('says where another attempt begins, and shows its task again', async () => {
    const [first] = conversation();
    const lines = await rendered([first, { ...first, id: 'again', attempt: 2 }]);
    expect(lines).toContain('━━━ attempt 2 ━━━');
    expect(lines.filter((line) => line === '▌ Mend it.').length).toBe(2);
  });

  test('says which answer belongs to which of several tools', async () => {
    const input = [message('user', 'x')];
    const tools = [ran('a', 'ls'), ran('b', 'pwd')];
    const lines = await rendered([
      call({ request: { input }, response: { output: tools } }),
      call({ request: { input: [...input, ...tools, result('a', 'file'), result('b', '/app')] }, response: null }),
    ]);
    expect(lines).toEqual(expect.arrayContaining(['  answer to ls', '  file', '  answer to pwd', '  /app']));
  });

  test('leaves out most of a long answer, and nothing of it with full', async () => {
    const input = [message('user', 'x'), result('a', Array.from({ length: 100 }, (_, n) => `line ${n}`).join('\n'))];
    const calls = [call({ request: { input }, response: null })];
    expect(await rendered(calls)).toContain('  … 84 lines left out');
    expect(await rendered(calls, true)).toContain('  line 50');
  });

  test('shows system prompts with full alone', async () => {
    const shown = (lines: readonly string[]) => lines.some((line) => line.includes('You are a coding agent'));
    expect(shown(await rendered(conversation()))).toBe(false);
    expect(shown(await rendered(conversation(), true))).toBe(true);
  });

  test('shows other tools with what they were given', async () => {
    const output = [{ type: 'custom_tool_call', call_id: 'p', name: 'apply_patch', input: '*** Begin Patch\n+x' }];
    expect(await rendered([call({ response: { output } })])).toEqual(
      expect.arrayContaining(['→ apply_patch', '  *** Begin Patch', '  +x']),
    );
  });

  test('shows what the model thought, as far as it is told', async () => {
    const output = [
      { type: 'reasoning', summary: [{ type: 'summary_text', text: 'Hmm.' }] },
      { type: 'reasoning', summary: [] },
    ];
    expect((await rendered([call({ response: { output } })])).slice(2)).toEqual(['(Hmm.)']);
  });

  test.each([
    ['a body that is no JSON', null],
    ['a body of another shape', { input: 5 }],
    ['items of another shape', { input: [{ type: 7 }] }],
  ])('survives %s', async (_what, request) => {
    expect((await rendered([call({ request, response: request })])).length).toBe(2);
  });
});

describe('a trace of chat completions', () => {
  test('reads the same', async () => {
    const tool = { id: 't1', type: 'function', function: { name: 'bash', arguments: '{"command":"ls"}' } };
    const first: Json[] = [
      { role: 'system', content: 'Be good.' },
      { role: 'user', content: [{ type: 'text', text: 'Mend it.' }] },
    ];
    const answer: Json = { role: 'assistant', content: 'Looking.', tool_calls: [tool] };
    const lines = await rendered([
      call({ dialect: 'openai-chat', request: { messages: first }, response: { choices: [{ message: answer }] } }),
      call({
        dialect: 'openai-chat',
        request: { messages: [...first, answer, { role: 'tool', tool_call_id: 't1', content: 'a.txt' }] },
        response: { choices: [{ message: { role: 'assistant', content: 'Done.' } }] },
      }),
    ]);
    expect(lines.map((line) => line.replace(/^(── \d ──).*/, '$1'))).toEqual([
      '▏ system prompt, 8 bytes',
      '',
      '▌ Mend it.',
      '',
      '── 1 ──',
      'Looking.',
      '$ ls',
      '  a.txt',
      '',
      '── 2 ──',
      'Done.',
    ]);
  });
});
