import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startTestInterceptor } from '../support/interceptor.ts';
import { endAttempt } from '../support/projection.ts';
import { runCodex } from '../support/run-codex.ts';

const script = {
  turns: [
    { say: 'I make the file.', run: 'printf hi > hello.txt' },
    { run: 'printf ", there" >> hello.txt' },
    { say: 'hello.txt is there.' },
  ],
};

test.each([
  // Its shell is a function among the tools.
  ['a model that its catalogue lacks', 'gpt-4.1-mini'],
  // Its shell is reached through JavaScript, offered in an item of the input.
  ['a model of its catalogue', 'gpt-6-astra'],
])('the real codex works through the script with %s', async (_, model) => {
  const interceptor = await startTestInterceptor();
  const token = await interceptor.grant({ script, models: [model] });
  const { output, exitCode, work } = await runCodex(interceptor, token, model);
  expect(output).toContain('hello.txt is there.');
  expect(exitCode).toBe(0);
  expect(await readFile(join(work, 'hello.txt'), 'utf8')).toBe('hi, there');
  const { calls } = await endAttempt(interceptor);
  const call = { status: 'ok', requestedModel: model, dialect: 'openai-responses' };
  expect(calls).toMatchObject([call, call, call]);
});
