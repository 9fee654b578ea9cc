import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { parseJson } from '../../src/model/json.ts';
import { containersOf, removeEverything } from '../support/engine.ts';
import { eventually } from '../support/project.ts';
import { environment, harborProgram, makeHome } from '../support/server.ts';

let home: string;
beforeEach(async () => {
  home = await makeHome();
});
afterEach(async () => {
  await removeEverything(await installation());
  await rm(home, { recursive: true, force: true });
});

async function installation(): Promise<string> {
  return parseJson(await readFile(join(home, 'installation.json'), 'utf8'), z.object({ id: z.string() })).id;
}

async function serverPid(): Promise<number> {
  return parseJson(await readFile(join(home, 'server.json'), 'utf8'), z.object({ pid: z.number() })).pid;
}

interface Demo {
  readonly child: ChildProcess;
  readonly err: () => string;
  readonly end: Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>;
}

function startDemo(...flags: string[]): Demo {
  const env = environment(home);
  const child = spawn(harborProgram, ['demo', '--json', ...flags], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let err = '';
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    err += piece;
  });
  const end = Promise.all([text(child.stdout), once(child, 'close')]).then(([out]) => ({
    code: child.exitCode,
    out,
    err,
  }));
  return { child, err: () => err, end };
}

const demoSchema = z.object({
  rollouts: z.array(
    z.looseObject({ seed: z.number(), agent: z.string(), reward: z.number().nullable(), llmCalls: z.number() }),
  ),
});

/** What the scripts of the three tasks come to: the third mends what is to be seen, not what is wrong. */
const scripted = [
  { seed: 1, agent: 'codex', reward: 1, llmCalls: 7, status: 'completed' },
  { seed: 2, agent: 'codex', reward: 1, llmCalls: 5, status: 'completed' },
  { seed: 3, agent: 'codex', reward: 0, llmCalls: 6, status: 'completed' },
];

test('the demo scores three rollouts and leaves nothing running', { timeout: 300_000 }, async () => {
  const { code, out, err } = await startDemo().end;
  expect({ code, err }).toMatchObject({ code: 0 });
  expect(parseJson(out, demoSchema).rollouts).toMatchObject(scripted);
  expect(await containersOf(await installation())).toEqual([]);
  await expect(serverPid()).rejects.toThrow('ENOENT');
});

test('the demo with another agent gives it a model of its own', { timeout: 300_000 }, async () => {
  const { code, out, err } = await startDemo('--agent', 'claude-code').end;
  expect({ code, err }).toMatchObject({ code: 0, err: expect.stringContaining('claude-code with claude-') });
  const { rollouts } = parseJson(out, demoSchema);
  expect(rollouts).toMatchObject(scripted.map((row) => ({ ...row, agent: 'claude-code' })));
});

test(
  'the demo comes to the same when its server is killed at work, and no agent starts twice',
  { timeout: 300_000 },
  async () => {
    const demo = startDemo();
    await eventually('an agent to work', async () => demo.err().includes('agent at work'), 200);
    process.kill(await serverPid(), 'SIGKILL');
    const { code, out, err } = await demo.end;
    expect({ code, err }).toMatchObject({ code: 0, err: expect.stringContaining('starting it again') });
    // As many calls as without it: a second agent would have begun its script anew.
    expect(parseJson(out, demoSchema).rollouts).toMatchObject(scripted);
    expect(await containersOf(await installation())).toEqual([]);
  },
);

test('the demo cancels its rollouts and ends its server at Ctrl-C', { timeout: 300_000 }, async () => {
  const demo = startDemo();
  await eventually('a rollout to be there', async () => /seed +1 +(queued|making|agent)/.test(demo.err()), 200);
  demo.child.kill('SIGINT');
  const { code } = await demo.end;
  expect(code).toBe(130);
  expect(await containersOf(await installation())).toEqual([]);
  await expect(serverPid()).rejects.toThrow('ENOENT');
});
