import { describe, expect, test } from 'vitest';
import type { TaskLayout } from '../../src/model/deployment.ts';
import { heldBackFolder, refuseHeldBackCopies } from '../../src/model/held-back.ts';

describe('held back from the image', () => {
  test.each<[string, TaskLayout, string | undefined]>([
    ['tasks/1/tests', 'seeds', 'tasks/1/tests'],
    ['tasks/1/tests/a/b', 'seeds', 'tasks/1/tests'],
    ['tasks/1/solution/solve.sh', 'seeds', 'tasks/1/solution'],
    ['tasks/any name/tests/x', 'none', 'tasks/any name/tests'],
    ['tasks/1/tests/x', 'task.toml', 'tasks/1/tests'],
    ['tests/x', 'task.toml', 'tests'],
    ['solution', 'task.toml', 'solution'],
    ['steps/first/tests/x', 'task.toml', 'steps/first/tests'],
    ['steps/first/solution/x', 'task.toml', 'steps/first/solution'],
    ['tests/x', 'seeds', undefined],
    ['tests/x', 'none', undefined],
    ['steps/first/tests/x', 'seeds', undefined],
    ['tasks/1/instruction.md', 'seeds', undefined],
    ['tasks/1/testsuite/x', 'seeds', undefined],
    ['tasks/tests/x', 'seeds', undefined],
    ['tasks/1/src/tests/x', 'seeds', undefined],
    ['src/tasks/1/tests/x', 'seeds', undefined],
    ['environment/tests/x', 'task.toml', undefined],
    ['steps/first/instruction.md', 'task.toml', undefined],
  ])('%s in the layout %s: %s', (path, layout, folder) => {
    expect(heldBackFolder(path, layout)).toBe(folder);
  });
});

const refuse = (instruction: string, layout: TaskLayout, context: readonly string[] = []) =>
  refuseHeldBackCopies(`FROM a\n${instruction}\n`, layout, (path) => context.includes(path));

describe('a Dockerfile is refused with', () => {
  test.each<[string, TaskLayout, string]>([
    ['COPY tasks/1/tests /tests', 'seeds', 'tasks/1/tests'],
    ['COPY ./tasks/1/tests/test.sh /t', 'seeds', 'tasks/1/tests'],
    ['COPY /tasks/1/solution /s', 'none', 'tasks/1/solution'],
    ['COPY x/../tasks/1/tests/ /t', 'seeds', 'tasks/1/tests'],
    ['COPY --chown=1:1 a tasks/1/tests /t', 'seeds', 'tasks/1/tests'],
    ['COPY ["a", "tasks/1/tests", "/t"]', 'seeds', 'tasks/1/tests'],
    ['ADD tasks/1/tests /t', 'seeds', 'tasks/1/tests'],
    ['COPY tasks/*/tests /t', 'seeds', 'tasks/*/tests'],
    ['COPY tasks/?/test* /t', 'seeds', 'tasks/?/tests'],
    ['COPY tasks/${SEED}/tests /t', 'seeds', 'tasks/*/tests'],
    ['COPY tasks/1/sol* /s', 'seeds', 'tasks/1/solution'],
    ['RUN --mount=type=bind,source=tasks/1/tests,target=/t x', 'seeds', 'tasks/1/tests'],
    ['RUN --mount=src=tasks/1/tests,target=/t x', 'seeds', 'tasks/1/tests'],
    ['ONBUILD COPY tasks/1/tests /t', 'seeds', 'tasks/1/tests'],
    ['COPY ../tests /t', 'task.toml', 'tests'],
    ['COPY ../solution/solve.sh /s', 'task.toml', 'solution'],
    ['COPY tests /t', 'task.toml', 'tests'],
    ['COPY steps/one/tests /t', 'task.toml', 'steps/one/tests'],
  ])('%s in the layout %s', (instruction, layout, folder) => {
    expect(() => refuse(instruction, layout)).toThrow(
      expect.objectContaining({ failureClass: 'invalid_request', field: 'dockerfile' }),
    );
    expect(() => refuse(instruction, layout)).toThrow(`line 2: `);
    expect(() => refuse(instruction, layout)).toThrow(`names ${folder}, which is held back`);
  });

  test('what climbs out of the environment, also where that has a folder of the name', () => {
    expect(() => refuse('COPY ../tests /t', 'task.toml', ['tests'])).toThrow('held back');
  });
});

describe('a Dockerfile may have', () => {
  test.each<[string, TaskLayout]>([
    ['COPY . .', 'seeds'],
    ['COPY * /app/', 'seeds'],
    ['COPY tasks/ /tasks', 'seeds'],
    ['COPY tasks/1 /task', 'seeds'],
    ['COPY tasks/*/* /tasks/', 'seeds'],
    ['COPY tasks/1/t* /task/', 'seeds'],
    ['COPY tasks/1/instruction.md /', 'seeds'],
    ['COPY tests /tests', 'seeds'],
    ['COPY src/tasks/1/tests /t', 'seeds'],
    ['COPY a tasks/1/tests', 'seeds'],
    ['COPY --from=build tasks/1/tests /t', 'seeds'],
    ['COPY ${FILES} /', 'seeds'],
    ['RUN --mount=type=cache,source=tasks/1/tests,target=/t x', 'seeds'],
    ['RUN --mount=from=build,source=tasks/1/tests,target=/t x', 'seeds'],
    ['RUN cp -r tasks/1/tests /t', 'seeds'],
    ['COPY . .', 'task.toml'],
    ['COPY testdata /t', 'task.toml'],
  ])('%s in the layout %s', (instruction, layout) => {
    expect(() => refuse(instruction, layout)).not.toThrow();
  });

  test('a copy of the tests that its environment itself holds', () => {
    expect(() => refuse('COPY tests /t', 'task.toml', ['tests'])).not.toThrow();
  });
});
