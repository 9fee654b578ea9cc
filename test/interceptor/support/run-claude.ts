import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { claudeBinary } from '../../support/claude.ts';
import { type TestInterceptor, temporaryFolder } from './interceptor.ts';
import type { AgentEnd } from './run-codex.ts';

/** The real Claude Code, at work on its own. `keyVariable`: by which it gets its token. */
export async function runClaude(
  interceptor: TestInterceptor,
  token: string,
  model: string,
  keyVariable: 'ANTHROPIC_API_KEY' | 'ANTHROPIC_AUTH_TOKEN' = 'ANTHROPIC_API_KEY',
): Promise<AgentEnd> {
  const [home, work] = [await temporaryFolder(), await temporaryFolder()];
  const flags = ['--output-format', 'stream-json', '--verbose', '--dangerously-skip-permissions', '--model', model];
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
      [keyVariable]: token,
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  claude.stdout.on('data', (piece: Buffer) => (output += String(piece)));
  const [exitCode] = await once(claude, 'close');
  return { output, exitCode, work };
}
