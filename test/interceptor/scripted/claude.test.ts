import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startTestInterceptor } from '../support/interceptor.ts';
import { endAttempt } from '../support/projection.ts';
import { runClaude } from '../support/run-claude.ts';

const script = {
  turns: [
    { say: 'I make the file.', run: 'printf hi > hello.txt' },
    { run: 'printf ", there" >> hello.txt' },
    { say: 'hello.txt is there.' },
  ],
};
const model = 'claude-sonnet-4-20250514';

test.each([
  ['x-api-key', 'ANTHROPIC_API_KEY'],
  ['a bearer token', 'ANTHROPIC_AUTH_TOKEN'],
] as const)('the real Claude Code works through the script, with its key as %s', async (_, variable) => {
  const interceptor = await startTestInterceptor();
  const token = await interceptor.grant({ script, models: [model] });
  const { output, exitCode, work } = await runClaude(interceptor, token, model, variable);
  expect(output).toContain('hello.txt is there.');
  expect(exitCode).toBe(0);
  expect(await readFile(join(work, 'hello.txt'), 'utf8')).toBe('hi, there');
  const { calls } = await endAttempt(interceptor);
  const call = { status: 'ok', requestedModel: model, dialect: 'anthropic-messages', path: '/v1/messages?beta=true' };
  expect(calls).toMatchObject([call, call, call]);
  expect(calls.map(({ usage }) => usage?.outputTokens)).toEqual([
    expect.any(Number),
    expect.any(Number),
    expect.any(Number),
  ]);
});
