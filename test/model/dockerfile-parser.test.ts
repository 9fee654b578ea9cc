import { describe, expect, test } from 'vitest';
import { assignments, parseDockerfile } from '../../src/model/dockerfile-parser.ts';

const lines = (...text: readonly string[]) => text.join('\n');

/** Keyword, line and text of every instruction. */
const outline = (text: string) =>
  parseDockerfile(text).instructions.map((instruction) => [instruction.keyword, instruction.line, instruction.text]);

describe('a Dockerfile', () => {
  test.each<[string, string, readonly unknown[]]>([
    [
      'instructions of any case',
      'from a\nRun b',
      [
        ['FROM', 1, 'a'],
        ['RUN', 2, 'b'],
      ],
    ],
    [
      'blank lines and comments',
      lines('# c', '', '  FROM a', ' # c', 'RUN b'),
      [
        ['FROM', 3, 'a'],
        ['RUN', 5, 'b'],
      ],
    ],
    [
      'lines that go on',
      lines('FROM a', 'RUN b \\', '  c\\  ', 'd', 'RUN e'),
      [
        ['FROM', 1, 'a'],
        ['RUN', 2, 'b   cd'],
        ['RUN', 5, 'e'],
      ],
    ],
    [
      'comments and blank lines among them',
      lines('FROM a', 'RUN b \\', '# c \\', '', ' d'),
      [
        ['FROM', 1, 'a'],
        ['RUN', 2, 'b  d'],
      ],
    ],
    [
      'an escaped escape at the end',
      lines('FROM a', 'RUN b \\\\', 'RUN c'),
      [
        ['FROM', 1, 'a'],
        ['RUN', 2, 'b \\\\'],
        ['RUN', 3, 'c'],
      ],
    ],
    [
      'another escape character',
      lines('# escape=`', 'FROM a', 'RUN b `', 'c \\', 'RUN d'),
      [
        ['FROM', 2, 'a'],
        ['RUN', 3, 'b c \\'],
        ['RUN', 5, 'd'],
      ],
    ],
    [
      'a directive behind another',
      lines('# syntax=docker/dockerfile:1', '# escape=`', 'FROM a`', 'b'),
      [['FROM', 3, 'ab']],
    ],
    ['a directive too late to count', lines('# hello', '# escape=`', 'FROM a`'), [['FROM', 3, 'a`']]],
    [
      'line ends of Windows',
      'FROM a\r\nRUN b \\\r\nc\r\n',
      [
        ['FROM', 1, 'a'],
        ['RUN', 2, 'b c'],
      ],
    ],
    ['a byte order mark', '\uFEFFFROM a', [['FROM', 1, 'a']]],
    [
      'what an image triggers later',
      lines('FROM a', 'ONBUILD COPY b c'),
      [
        ['FROM', 1, 'a'],
        ['COPY', 2, 'b c'],
      ],
    ],
    [
      'an end in the middle',
      lines('FROM a', 'RUN b \\'),
      [
        ['FROM', 1, 'a'],
        ['RUN', 2, 'b'],
      ],
    ],
  ])('has %s', (_, text, expected) => {
    expect(outline(text)).toEqual(expected);
  });

  test('has flags before the arguments', () => {
    const [, copy] = parseDockerfile('FROM a\nCOPY --from=b --link --chown="1:2" --chmod x --not-one y').instructions;
    expect([copy?.flags, copy?.text]).toEqual([
      [
        { name: 'from', value: 'b' },
        { name: 'link', value: '' },
        { name: 'chown', value: '1:2' },
        { name: 'chmod', value: '' },
      ],
      'x --not-one y',
    ]);
  });

  test('has heredocs, whose lines are no instructions', () => {
    const text = lines('FROM a', 'RUN <<EOF cat <<-"B C" >x', 'FROM b', 'EOF', '\tRUN c', '\tB C', 'RUN d <<< e');
    const { instructions } = parseDockerfile(text);
    expect(instructions.map(({ keyword, line }) => [keyword, line])).toEqual([
      ['FROM', 1],
      ['RUN', 2],
      ['RUN', 7],
    ]);
    expect(instructions[1]?.heredocs).toEqual([
      { line: 3, lines: ['FROM b'] },
      { line: 5, lines: ['\tRUN c'] },
    ]);
  });

  test('knows the line of every character', () => {
    const [, run] = parseDockerfile(lines('FROM a', 'RUN --x \\', '  b && \\', '# c', '  d')).instructions;
    const lineOf = (word: string) => run?.lineAt(run.text.indexOf(word));
    expect([lineOf('b'), lineOf('&&'), lineOf('d')]).toEqual([3, 3, 5]);
  });

  test.each([
    ['ENV A=1 B="2 3" C=4\\ 5 D=\'6"\'', { A: '1', B: '2 3', C: '4 5', D: '6"' }],
    ['ENV A 1 = 2', { A: '1 = 2' }],
    ['ARG A B=', { A: undefined, B: '' }],
  ])('has the assignments of %s', (instruction, expected) => {
    const dockerfile = parseDockerfile(`FROM a\n${instruction}`);
    const found = dockerfile.instructions.slice(1).flatMap((each) => assignments(each, dockerfile));
    expect(Object.fromEntries(found.map(({ name, value }) => [name, value]))).toEqual(expected);
  });

  test.each([
    ['', 'line 1: has no FROM'],
    ['# only a comment', 'line 1: has no FROM'],
    [lines('ARG A', '', 'ARG B'), 'line 3: has no FROM'],
    [lines('ARG A', 'RUN b', 'FROM c'), 'line 2: RUN comes before the first FROM'],
    [lines('FROM a', 'RUN <<EOF', 'b'), 'line 2: the heredoc EOF has no end'],
    [lines('# escape=x', 'FROM a'), 'line 1: escape'],
  ])('is refused as %j, naming the line', (text, message) => {
    expect(() => parseDockerfile(text)).toThrow(
      expect.objectContaining({ failureClass: 'invalid_request', field: 'dockerfile' }),
    );
    expect(() => parseDockerfile(text)).toThrow(message);
  });
});
