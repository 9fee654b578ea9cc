import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { claudeBinary } from '../../support/claude.ts';
import { startTestInterceptor, temporaryFolder } from '../support/interceptor.ts';
import { endAttempt } from '../support/projection.ts';

const script = {
  turns: [
    { say: 'I make the file.', run: 'printf hi > hello.txt' },
    { run: 'printf ", there" >> hello.txt' },
    { say: 'hello.txt is there.' },
  ],
};
const model = 'claude-sonnet-4-20250514';
const flags = ['--output-format', 'stream-json', '--verbose', '--dangerously-skip-permissions', '--model', model];

test.each([
  ['x-api-key', 'ANTHROPIC_API_KEY'],
  ['a bearer token', 'ANTHROPIC_AUTH_TOKEN'],
])('the real Claude Code works through the script, with its key as %s', async (_, variable) => {
  const interceptor = await startTestInterceptor();
  const token = await interceptor.grant({ script, models: [model] });
  const [home, work] = [await temporaryFolder(), await temporaryFolder()];
  const claude = spawn(await claudeBinary(), ['-p', '--session-id', randomUUID(), ...flags, 'Make hello.txt.'], {
    cwd: work,
    env: {
      PATH: process.env['PATH'],
      HOME: home,
      IS_SANDBOX: '1',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_AUTOUPDATER: '1',
      CLAUDE_CODE_MAX_RETRIES: '3',
      ANTHROPIC_BASE_URL: interceptor.url,
      [variable]: token,
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  claude.stdout.on('data', (piece: Buffer) => (output += String(piece)));
  const [exitCode] = await once(claude, 'close');

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
