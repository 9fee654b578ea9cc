import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { gcReportSchema } from '../../src/model/garbage.ts';
import { parseJson } from '../../src/model/json.ts';
import { readRun, useCli } from './support/cli.ts';

const { begin, harbor } = useCli();
const packageSchema = z.object({ version: z.string() });

test('--version is that of the package', async () => {
  const { version } = parseJson(await readFile(new URL('../../package.json', import.meta.url), 'utf8'), packageSchema);
  expect(await harbor('--version')).toMatchObject({ code: 0, out: `${version}\n`, err: '' });
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

describe('gc', () => {
  test('tells what the snapshots take, and removes none while nothing bounds them', async () => {
    const dry = await harbor('gc', '--dry-run', '--json');
    expect(parseJson(dry.out, gcReportSchema)).toMatchObject({
      dry_run: true,
      removed: [],
      snapshots: { quota_bytes: null },
    });
    expect(await harbor('gc')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^Nothing to remove.\n\d+ snapshots? left: .*HARBOR_SNAPSHOTS_GB is not set/),
    });
  });
});

describe('rollout', () => {
  let id: string;
  beforeAll(async () => {
    const ran = await harbor('run', 'tool', '--seed', '42', '--json');
    if (ran.code !== 0) throw new Error(ran.out);
    id = readRun(ran).results[0]?.id ?? '';
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

  test('trajectory prints it in the format ATIF, as JSON and no more', async () => {
    const { out } = await harbor('rollout', 'trajectory', id);
    expect(parseJson(out, z.json())).toMatchObject({
      schema_version: 'ATIF-v1.8',
      trajectory_id: `${id}.1`,
      final_metrics: { total_prompt_tokens: 0, total_cost_usd: 0 },
      extra: { status: 'completed', reward: 0.5, trust: 'self-reported' },
    });
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
  const { code, err } = await begin('harbor', ['list'], { HARBOR_API_KEY: 'a-wrong-key' }).done;
  expect(code).toBe(1);
  expect(err).toContain('key is not valid');
  expect(err).not.toContain('a-wrong-key');
});
