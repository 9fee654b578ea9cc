import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startTestInterceptor } from '../interceptor/support/interceptor.ts';
import { endAttempt } from '../interceptor/support/projection.ts';
import { agentNamed, madeFile, makeWorkplace, runAgent } from './support/run-agent.ts';

const turns = [
  { say: 'I make the file.', run: 'printf hi > hello.txt' },
  { run: 'printf ", there" >> hello.txt; env > ../env' },
  { run: 'echo out; exit 3' },
  { say: 'It is done.' },
];

const shellCall = (input?: string) => ({ type: 'tool_call', input });
const shellResult = (exitCode: number) => ({ type: 'tool_result', exit_code: exitCode, failed: exitCode !== 0 });

/** The same for all of them. */
const story = [
  { type: 'session', session_id: expect.any(String) },
  { type: 'message', text: 'I make the file.' },
  shellCall(turns[0]?.run),
  shellResult(0),
  shellCall(turns[1]?.run),
  shellResult(0),
  shellCall(turns[2]?.run),
  { ...shellResult(3), output: expect.stringContaining('out') },
  { type: 'message', text: 'It is done.' },
  { type: 'end', reason: 'completed', message: null },
];

test.each([
  ['codex', 'gpt-4.1-mini', 'openai-responses'],
  // Of its catalogue: its shell is reached through JavaScript, offered in an item of the input.
  ['codex', 'gpt-6-astra', 'openai-responses'],
  ['claude-code', 'claude-sonnet-4-5', 'anthropic-messages'],
  ['claude-code', 'claude-sonnet-4-20250514', 'anthropic-messages'],
  ['opencode', 'openai/gpt-4.1-mini', 'openai-responses'],
  // Its list lacks this one.
  ['opencode', 'claude-sonnet-4-20250514', 'anthropic-messages'],
  ['qwen-code', 'gpt-4.1-mini', 'openai-chat'],
])('%s works with %s, tells what it does, and leaves nothing but its work', async (name, model, dialect) => {
  const interceptor = await startTestInterceptor();
  const requestedModel = model.replace('openai/', '');
  const token = await interceptor.grant({ script: { turns }, models: [requestedModel] });
  const place = await makeWorkplace();
  const env = { XDG_CACHE_HOME: '/cache-of-the-image' };
  const { exitCode, events, output } = await runAgent(agentNamed(name), { interceptor, token, place, model, env });

  expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
  expect(await madeFile(place)).toBe('hi, there');
  expect(events.filter(({ type }) => type !== 'notice')).toMatchObject(story);
  expect(await readdir(place.work)).toEqual(['hello.txt']);
  expect(await readdir(place.home)).toEqual([]);
  // Its commands find their home and their caches where the image has them, and no LLM key under a usual name.
  const seen = await readFile(join(place.work, '../env'), 'utf8');
  expect(seen).toMatch(new RegExp(`^HOME=${place.home}$`, 'm'));
  expect(seen).toMatch(/^XDG_CACHE_HOME=\/cache-of-the-image$/m);
  expect(seen).not.toMatch(/^(XDG_(DATA|CONFIG|STATE)_HOME|OPENAI_API_KEY|npm_config_offline|HARBOR_WAS_\w+)=/m);
  // No call but those of its work.
  const { calls } = await endAttempt(interceptor);
  const call = { status: 'ok', requestedModel, dialect };
  expect(calls).toMatchObject([call, call, call, call]);
});
