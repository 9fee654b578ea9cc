import { describe, expect, test } from 'vitest';
import { type RawMember, file, folder, link } from './archives.ts';
import { contents, dockerfile, take } from './taken.ts';

const hashOf = async (members: readonly RawMember[]) => (await take(members)).contextHash;

describe('tasks by seed', () => {
  const task = (seed: number | string, more: readonly RawMember[] = []) => [
    file(`tasks/${seed}/instruction.md`, `Do ${seed}.`),
    file(`tasks/${seed}/tests/test.sh`, 'exit 0', { mode: 0o755 }),
    file(`tasks/${seed}/tests/data/x`, 'x'),
    ...more,
  ];
  const script = (content: string) => file('tasks/1/solution/model-script.json', content);

  test('hold back tests and solution, and nothing else', async () => {
    const members = [...task(1, [script('{"turns":[]}'), file('tasks/1/notes.md')]), file('tests/own.py'), file('a')];
    const taken = await take(members);
    expect(taken.layout).toBe('seeds');
    expect(Object.keys(await contents(taken.contextPath))).toEqual([
      'a',
      'tasks',
      'tasks/1',
      'tasks/1/instruction.md',
      'tasks/1/notes.md',
      'tests',
      'tests/own.py',
    ]);
    expect(await contents(taken.tasks[0]?.testsPath)).toEqual({ 'test.sh': 'exit 0', data: '/', 'data/x': 'x' });
  });

  test('come in order, each with its own words, tests and settings', async () => {
    const toml = file('tasks/2/task.toml', '[verifier]\ntimeout_sec = 60\nprocesses = "kill"\n');
    const { tasks } = await take([...task(10), ...task(2, [toml]), file('tasks/0/instruction.md', 'Do nothing.')]);
    expect(tasks.map(({ seed, instruction }) => [seed, instruction])).toEqual([
      [0, 'Do nothing.'],
      [2, 'Do 2.'],
      [10, 'Do 10.'],
    ]);
    expect(tasks.map(({ testsPath }) => testsPath !== null)).toEqual([false, true, true]);
    expect(tasks.map(({ settings }) => settings)).toMatchObject([
      { format: 'plain', processes: 'kill', testsTimeoutSeconds: 600 },
      { format: 'task.toml', processes: 'kill', testsTimeoutSeconds: 60 },
      { format: 'plain' },
    ]);
  });

  test('fall back on the instruction in the root', async () => {
    const { tasks } = await take([file('tasks/1/tests/test.sh'), ...task(2), file('instruction.md', 'Do it.')]);
    expect(tasks.map(({ instruction }) => instruction)).toEqual(['Do it.', 'Do 2.']);
  });

  test('build nothing anew when tests or solutions change', async () => {
    const changed = [...task(1), ...task(2)].map((member) =>
      String(member.name).includes('/tests/') ? { ...member, content: 'changed', mode: 0o600 } : member,
    );
    const added = [...task(1), ...task(2), script('{"turns":[]}'), folder('tasks/1/tests/empty')];
    const before = await hashOf([...task(1), ...task(2)]);
    expect([await hashOf(changed), await hashOf(added)]).toEqual([before, before]);
  });

  test('keep their tests also where .dockerignore names them', async () => {
    const { tasks } = await take([...task(1), file('.dockerignore', '**/tests\ntasks\n')]);
    expect(Object.keys(await contents(tasks[0]?.testsPath))).toContain('test.sh');
  });

  test('may bring turns for the scripted model', async () => {
    const turns = [{ say: 'Hello', run: 'ls' }, { say: 'Done.' }];
    expect((await take([...task(1), script(JSON.stringify({ turns }))])).tasks[0]?.script).toEqual({ turns });
  });

  test.each([
    ['{"turns":[{"runs":"ls"}]}', 'turns.0'],
    ['{"turns":"ls"}', 'turns'],
    ['turns', 'script: is not valid JSON'],
  ])('are refused with the script %s', async (content, message) => {
    const refused = take([...task(1), script(content)]);
    await expect(refused).rejects.toMatchObject({ field: 'context_tar_base64' });
    await expect(refused).rejects.toThrow(`tasks/1/solution/model-script.json: ${message}`);
  });

  test.each<[string, readonly RawMember[], string]>([
    ['a link for the tests', [file('x/test.sh'), link('tasks/1/tests', '../../x')], 'tasks/1/tests'],
    ['a link out of the tests', [...task(1), link('tasks/1/tests/l', '../../../src')], 'tasks/1/tests/l'],
    ['an instruction that is too long', [file('tasks/1/instruction.md', 'x'.repeat(600_000))], 'instruction.md'],
    [
      'an instruction that is not UTF-8',
      [{ ...file('tasks/1/instruction.md'), content: Buffer.from([0xff]) }],
      'UTF-8',
    ],
    ['an instruction that is a folder', [folder('tasks/1/instruction.md')], 'no file'],
  ])('are refused with %s', async (_, members, message) => {
    const refused = take(members);
    await expect(refused).rejects.toMatchObject({ failureClass: 'invalid_request', field: 'context_tar_base64' });
    await expect(refused).rejects.toThrow(message);
  });

  test('warn of tests that cannot be run, and of some that belong to no seed', async () => {
    const { warnings } = await take([file('tasks/1/tests/a.py'), ...task('first'), ...task('01')]);
    expect(warnings).toEqual([
      expect.stringContaining('tasks/1/tests has no test.sh'),
      expect.stringContaining('tasks/first/tests is held back'),
      expect.stringContaining('tasks/01/tests is held back'),
    ]);
  });
});

describe('a context without tasks', () => {
  test('has one for every seed, and its own tests stay in it', async () => {
    const taken = await take([file('tests/test_a.py'), file('tasks/build/main.yml'), file('instruction.md', 'Do it.')]);
    expect(taken.layout).toBe('none');
    expect(taken.tasks).toMatchObject([{ seed: null, instruction: 'Do it.', testsPath: null, script: null }]);
    expect(Object.keys(await contents(taken.contextPath))).toContain('tests/test_a.py');
  });

  test('holds back what lies below tasks, and says so', async () => {
    const taken = await take([file('tasks/build/tests/x'), file('tasks/build/main.yml')]);
    expect(Object.keys(await contents(taken.contextPath))).toEqual(['tasks', 'tasks/build', 'tasks/build/main.yml']);
    expect(taken.warnings).toEqual([expect.stringContaining('tasks/build/tests is held back')]);
  });

  test('needs no instruction', async () => {
    expect((await take([])).tasks).toMatchObject([{ seed: null, instruction: null }]);
  });
});

describe('a task in the Harbor task format', () => {
  const members = [
    file('task.toml', '[agent]\ntimeout_sec = 900\n[environment]\ncpus = 1\nmemory = "2G"\n'),
    file('instruction.md', 'Do it.'),
    file('environment/Dockerfile', 'FROM debian\nCOPY tests /fixtures\n'),
    file('environment/tests/fixture', 'seen'),
    file('environment/.dockerignore', 'secret\n'),
    file('environment/secret'),
    file('tests/test.sh', 'echo 1 > /logs/verifier/reward.txt'),
    file('solution/solve.sh'),
    file('solution/model-script.json', '{"turns":[{"run":"true"}]}'),
  ];

  test('is built from its environment, and is one task for every seed', async () => {
    const taken = await take(members, { dockerfile: null });
    expect(taken.layout).toBe('task.toml');
    expect(taken.dockerfile).toContain('COPY tests /fixtures');
    expect(await contents(taken.contextPath)).toEqual({
      '.dockerignore': 'secret\n',
      Dockerfile: 'FROM debian\nCOPY tests /fixtures\n',
      tests: '/',
      'tests/fixture': 'seen',
    });
    expect(taken.tasks).toMatchObject([
      {
        seed: null,
        instruction: 'Do it.',
        settings: { format: 'task.toml', processes: 'keep', agentTimeoutSeconds: 900 },
        script: { turns: [{ run: 'true' }] },
      },
    ]);
    expect(Object.keys(await contents(taken.tasks[0]?.testsPath))).toEqual(['test.sh']);
    expect(taken.limits).toEqual({ cpuCores: 1, memoryMb: 2048 });
  });

  test('builds nothing anew when all but its environment changes', async () => {
    const changed = members.map((member) =>
      String(member.name).startsWith('environment/') ? member : { ...member, content: `${String(member.content)}\n` },
    );
    expect((await take(changed, { dockerfile: null })).contextHash).toBe(
      (await take(members, { dockerfile: null })).contextHash,
    );
  });

  test.each<[string, readonly RawMember[], string]>([
    ['several containers', [...members, file('environment/docker-compose.yaml')], 'several containers'],
    ['a link out of its environment', [...members, link('environment/l', '../tests')], 'environment/l'],
    ['no Dockerfile', [file('task.toml'), file('Dockerfile', dockerfile)], 'no environment/Dockerfile'],
    ['an image for a Dockerfile', [file('task.toml', '[environment]\ndocker_image = "x"')], 'environment.docker_image'],
  ])('is refused with %s', async (_, given, message) => {
    await expect(take(given, { dockerfile: null })).rejects.toThrow(message);
  });
});
