import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Intake, takeContext } from '../../src/api/intake/context.ts';
import { packContext } from '../../src/sdk/pack-context.ts';
import { dockerSubject } from '../contract/docker-subject.ts';
import { never, useFixture } from '../contract/subject.ts';

const example = fileURLToPath(new URL('../../examples/fix-the-bugs', import.meta.url));
const fixture = useFixture(dockerSubject);
const snapshot = fixture.snapshotName();
let folder: string;
let intake: Intake;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'harbor-example-'));
  await using packed = await packContext(example);
  intake = await takeContext({ archivePath: packed.file, dockerfile: null, directory: folder, signal: never() });
  await fixture.provider.ensureSnapshot({
    name: snapshot,
    dockerfile: intake.dockerfile,
    context: async () => createReadStream(intake.contextPath),
    force: false,
    onLog: () => {},
    signal: never(),
  });
}, 300_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

function taskOf(seed: number): Intake['tasks'][number] {
  const task = intake.tasks.find((one) => one.seed === seed);
  if (!task) throw new Error(`the example has no task ${seed}`);
  return task;
}

/** What a task's tests say to the repository after somebody has worked in it: their exit code, which is the verdict. */
async function verdict(seed: number, work: (box: string) => Promise<void>): Promise<number> {
  const box = await fixture.box({ snapshot });
  await work(box);
  const { testsPath } = taskOf(seed);
  if (testsPath === null) throw new Error(`task ${seed} has no tests`);
  await fixture.read(box, 'mkdir /tests');
  await fixture.provider.put(box, '/tests', createReadStream(testsPath), never());
  const { end } = await fixture.run(box, ['/tests/test.sh']);
  await fixture.provider.destroy(box);
  return end.kind === 'exited' ? end.exitCode : -1;
}

async function runScript(box: string, seed: number): Promise<void> {
  for (const { run } of taskOf(seed).script?.turns ?? []) {
    // As codex runs commands.
    if (run !== undefined) await fixture.run(box, ['bash', '-lc', run]);
  }
}

async function solve(box: string, seed: number): Promise<void> {
  const solution = await readFile(join(example, `tasks/${seed}/solution/solve.sh`), 'utf8');
  const { end, text } = await fixture.run(box, solution);
  if (end.kind !== 'exited' || end.exitCode !== 0) throw new Error(`the solution of task ${seed} fails: ${text}`);
}

describe.each([1, 2, 3])('task %i of the example', (seed) => {
  test('fails as long as nobody has worked on it', async () => {
    expect(await verdict(seed, async () => {})).toBe(1);
  });

  test('is passed by its solution, and so are the own tests of the repository', async () => {
    const code = await verdict(seed, async (box) => {
      await solve(box, seed);
      expect((await fixture.run(box, 'python3 -m unittest')).end).toMatchObject({ exitCode: 0 });
    });
    expect(code).toBe(0);
  });

  test('has a solution for it alone', async () => {
    for (const other of [1, 2, 3].filter((one) => one !== seed)) {
      expect(await verdict(other, (box) => solve(box, seed))).toBe(1);
    }
  });
});

test.each([1, 2])('task %i of the example is passed by its script for the scripted model', async (seed) => {
  expect(await verdict(seed, (box) => runScript(box, seed))).toBe(0);
});

test('task 3 of the example is failed by its script, which mends only what was to be seen', async () => {
  const code = await verdict(3, async (box) => {
    await runScript(box, 3);
    const { text } = await fixture.run(box, theReportedCase);
    expect(text).toContain('Oats, rolled');
  });
  expect(code).toBe(1);
});

const theReportedCase = `cd /tmp && export PYTHONPATH=/app
python3 -m stockroom receive OAT-1 "Oats, rolled" 40 1.20
python3 -m stockroom list`;

test('the image holds the repository with its history, and neither tasks nor tests', async () => {
  const box = await fixture.box({ snapshot });
  expect(await fixture.read(box, 'ls -A | sort | tr "\\n" " "')).toBe('.git .gitignore README.md stockroom tests');
  expect(await fixture.read(box, 'git status --short; git log --format=%s')).toBe('stockroom 0.4.0');
});
