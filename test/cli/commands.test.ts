import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { parseJson } from '../../src/model/json.ts';
import { eventually } from '../support/project.ts';
import { inspected } from '../support/engine.ts';
import { containerOf, ended, useServer } from '../support/running.ts';
import { environment, harborProgram } from '../support/server.ts';

const server = useServer();
const synthProgram = harborProgram.replace(/harbor$/, 'synth');
let folder: string;

/** Seeds from 100 on take so many hundredths of a second; 13 ends without a result. */
const runRollout = `#!/bin/sh
echo "working on seed $HARBOR_SEED"
sleep $((HARBOR_SEED / 100))
[ "$HARBOR_SEED" != 13 ] || exit 3
echo '{"metrics": {"reward_mean": 0.5}}' > /tmp/result.json
`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'harbor-cli-'));
  await writeFile(join(folder, 'run_rollout'), runRollout);
  await chmod(join(folder, 'run_rollout'), 0o755);
  await writeFile(
    join(folder, 'Dockerfile'),
    'FROM debian:bookworm-slim\nCOPY run_rollout /usr/local/bin/\nWORKDIR /work\n',
  );
  await writeFile(join(folder, 'Broken'), 'FROM debian:bookworm-slim\nRUN echo nearly there && exit 7\n');
  const { code, err } = await harbor('upload', 'tool', '--wait');
  if (code !== 0) throw new Error(err);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

interface Running {
  readonly child: ChildProcess;
  readonly done: Promise<Ran>;
  /** What it has written on stderr so far. */
  readonly err: () => string;
}

function begin(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const child = spawn(program, args, {
    cwd: folder,
    env: environment(server().home, env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let err = '';
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    err += piece;
  });
  const done = Promise.all([text(child.stdout), once(child, 'close')]).then(([out]) => ({
    code: child.exitCode,
    out,
    err,
  }));
  return { child, done, err: () => err };
}

const harbor = (...args: string[]): Promise<Ran> => begin(harborProgram, args).done;
const synth = (...args: string[]): Promise<Ran> => begin(synthProgram, args).done;

const runSchema = z.object({
  total: z.number(),
  successful: z.number(),
  failed: z.number(),
  mean_reward: z.number().nullable(),
  results: z.array(z.looseObject({ seed: z.number(), success: z.boolean(), id: z.string() })),
});
/** Of the one rollout that was started with `--detach`. */
const idIn = ({ out }: Ran) => /^seed \d+ {2}(\S+) {2}queued$/m.exec(out)?.[1] ?? '';
const readRun = ({ out }: Ran) => parseJson(out, runSchema);

describe('what users of the existing client type', () => {
  test('uploads, waits, and shows what they look for', async () => {
    const { code, out } = await synth(
      'harbor',
      'upload',
      '--name',
      'theirs',
      '-d',
      './Dockerfile',
      '-c',
      '.',
      '--wait',
    );
    expect(code).toBe(0);
    expect(out).toMatch(/Upload successful!\n {2}Deployment ID: \S+\n {2}Build ID: \S+\n {2}Status: ready\n/);
  });

  test('lists, as a bare list where JSON is asked for', async () => {
    const { out } = await synth('harbor', 'list', '-s', 'ready', '-l', '5', '--json');
    const names = parseJson(out, z.array(z.object({ name: z.string() }))).map(({ name }) => name);
    expect(names).toContain('tool');
  });

  test('shows the status and builds again', async () => {
    expect((await synth('harbor', 'status', 'tool')).out).toMatch(/Status: ready\n.*Recent builds/s);
    const built = await synth('harbor', 'build', 'tool', '--wait');
    expect(built).toMatchObject({ code: 0, out: expect.stringMatching(/Build triggered!\n {2}Build ID: \S+\n/) });
  });

  test('finds the server by their variables and flags', async () => {
    const { url, apiKey } = server();
    const env = { HARBOR_HOME: folder, SYNTH_BACKEND_URL: `${url}/`, SYNTH_API_KEY: apiKey };
    expect((await begin(synthProgram, ['harbor', 'list'], env).done).out).toContain('tool');
    const flags = ['harbor', 'list', '--backend-url', url, '--api-key', apiKey];
    expect((await begin(synthProgram, flags, { HARBOR_HOME: folder }).done).out).toContain('tool');
  });

  test('runs agents as openly as they are used to, where harbor shuts them in', async () => {
    expect(await networkOf(synthProgram, 'harbor', 'run', 'tool')).toBe('open');
    expect(await networkOf(harborProgram, 'run', 'tool')).toBe('closed');
    expect(await networkOf(harborProgram, 'run', 'tool', '--egress', 'open')).toBe('open');
  });

  async function networkOf(program: string, ...args: string[]): Promise<string | undefined> {
    const id = idIn(await begin(program, [...args, '--seed', '200', '--detach']).done);
    const settings = await inspected(await containerOf(server(), id));
    await ended(server(), id);
    return /"harbor-\w+-(open|closed)"/.exec(settings)?.[1];
  }
});

describe('upload', () => {
  test('of a taken name says what to do, and --replace does it', async () => {
    expect(await harbor('upload', 'tool')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/exists\n.*--replace/),
    });
    expect(await harbor('upload', 'tool', '--replace', '--wait')).toMatchObject({
      code: 0,
      out: expect.stringContaining('Replaced!'),
    });
  });

  test('of what does not build shows its output and the reason, and fails', async () => {
    const { code, err } = await harbor('upload', 'broken', '--dockerfile', 'Broken', '--wait');
    expect(code).toBe(1);
    expect(err).toContain('nearly there');
    expect(err.trim().split('\n').at(-2)).toMatch(/^error: broken did not build: .*exit code: 7/);
  });

  test('fails before anything is sent where there is nothing to send', async () => {
    expect(await harbor('upload', 'x', '-c', '/no/such/folder')).toMatchObject({
      code: 1,
      err: expect.stringContaining('/no/such/folder'),
    });
    expect(await harbor('upload')).toMatchObject({ code: 1, err: expect.stringContaining('name: is missing') });
  });
});

describe('run', () => {
  test('ends with a table, the mean, and 0', async () => {
    const { code, out, err } = await harbor('run', 'tool', '--seeds', '2');
    expect(code).toBe(0);
    expect(out).toMatch(/^SEED .*\n +0 .*completed.*\n +1 .*completed.*\n\n2 rollouts, 2 scored, mean reward 0.5\n$/);
    expect(err).toMatch(/seed +1 +completed .*reward 0.5/);
  });

  test('fails when a rollout ends without a number, and says why', async () => {
    const { code, out } = await harbor('run', 'tool', '--seed', '13', '--seed', '1');
    expect(code).toBe(1);
    expect(out).toMatch(/✗ seed 13: .*\n +\S/);
    expect(out).toContain('2 rollouts, 1 scored');
  });

  test('prints JSON alone on stdout', async () => {
    const ran = await harbor('run', 'tool', '--seed', '13', '--seed', '1', '--json');
    expect(ran.code).toBe(1);
    const { results, ...sums } = readRun(ran);
    expect(sums).toEqual({ total: 2, successful: 1, failed: 1, mean_reward: 0.5 });
    expect(results.map(({ seed, success }) => [seed, success])).toEqual([
      [13, false],
      [1, true],
    ]);
  });

  test('starts and leaves them with --detach', async () => {
    const ran = await harbor('run', 'tool', '--seed', '2', '--detach');
    expect(ran.code).toBe(0);
    expect(await ended(server(), idIn(ran))).toMatchObject({ status: 'completed' });
  });

  test('tells by name what the server refuses', async () => {
    const { code, out } = await harbor('run', 'tool', '--seed', '1', '--timeout', '100000');
    expect(code).toBe(1);
    expect(out).toContain('✗ seed 1: limits.timeout_s: must be at most 3600 seconds');
  });

  test('leaves the rollout to the server at the first Ctrl-C', async () => {
    const run = begin(harborProgram, ['run', 'tool', '--seed', '300', '--json']);
    await eventually('the agent to work', async () => run.err().includes('agent at work'));
    run.child.kill('SIGINT');
    const ran = await run.done;
    expect(ran).toMatchObject({ code: 130, err: expect.stringContaining('left running at the server') });
    expect(await ended(server(), readRun(ran).results[0]?.id ?? '')).toMatchObject({ status: 'completed' });
  });

  test('cancels it at the second', async () => {
    const run = begin(harborProgram, ['run', 'tool', '--seed', '9000', '--json']);
    await eventually('the agent to work', async () => run.err().includes('agent at work'));
    run.child.kill('SIGINT');
    await eventually('the offer', async () => run.err().includes('Ctrl-C again'));
    // A person is slower than an echo of the first one would be.
    await new Promise((resolve) => setTimeout(resolve, 500));
    run.child.kill('SIGINT');
    const ran = await run.done;
    expect(ran.code).toBe(130);
    expect(readRun(ran).results[0]).toMatchObject({ status: 'cancelled' });
  });
});

describe('rollout', () => {
  let id: string;
  beforeAll(async () => {
    id = readRun(await harbor('run', 'tool', '--seed', '42', '--json')).results[0]?.id ?? '';
  });

  test('list shows it', async () => {
    expect((await harbor('rollout', 'list', '--deployment', 'tool')).out).toMatch(new RegExp(` 42 .*${id}`));
  });

  test('show tells what became of it', async () => {
    expect((await harbor('rollout', 'show', id)).out).toMatch(
      /status +completed\n +reward +0.5\n +trust +self-reported/,
    );
  });

  test('logs gives what was put out', async () => {
    expect((await harbor('rollout', 'logs', id)).out).toBe('working on seed 42\n');
    expect((await harbor('rollout', 'logs', id, '--raw', '--follow')).out).toBe('working on seed 42\n');
  });

  test('artifacts lists what was left, and prints one byte for byte', async () => {
    expect((await harbor('rollout', 'artifacts', id)).out).toContain('result.json');
    expect((await harbor('rollout', 'artifacts', id, '--get', 'result.json')).out).toBe(
      '{"metrics": {"reward_mean": 0.5}}\n',
    );
    expect(await harbor('rollout', 'artifacts', id, '--get', 'nothing')).toMatchObject({
      code: 1,
      err: expect.stringContaining('It has '),
    });
  });

  test('trace says so where no LLM was called', async () => {
    expect(await harbor('rollout', 'trace', id)).toMatchObject({
      code: 0,
      err: expect.stringContaining('No LLM call'),
    });
  });

  test('cancel leaves one that has ended as it is', async () => {
    expect((await harbor('rollout', 'cancel', id)).out).toBe(`${id}  has ended: completed\n`);
  });

  test('show of one that does not exist fails in words', async () => {
    const { code, err } = await harbor('rollout', 'show', 'no-such-rollout');
    expect(code).toBe(1);
    expect(err).toMatch(/^error: .*no-such-rollout.*\n {2}\S.*\n$/);
  });
});

describe('a command line that cannot be understood', () => {
  test.each([
    ['nonsense'],
    ['run'],
    ['run', 'tool', '--seeds', 'many'],
    ['list', '--status', 'lost'],
    ['list', '--no-such-flag'],
  ])('ends with 2: %s %s', async (...args) => {
    expect(await harbor(...args)).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/^error: /) });
  });
});

test('a wrong key is told as one', async () => {
  const { code, err } = await begin(harborProgram, ['list'], { HARBOR_API_KEY: 'a-wrong-key' }).done;
  expect(code).toBe(1);
  expect(err).toContain('key is not valid');
  expect(err).not.toContain('a-wrong-key');
});
