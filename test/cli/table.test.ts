import { describe, expect, test } from 'vitest';
import { plain } from '../../src/cli/output.ts';
import { clip, facts, table } from '../../src/cli/table.ts';

const red = (text: string) => `\u001B[31m${text}\u001B[39m`;

describe('a table', () => {
  test('has columns as wide as their widest cell, numbers to the right, and no blanks at the ends of lines', () => {
    const lines = table(
      [{ heading: 'NAME' }, { heading: 'N', right: true }, { heading: 'NOTE' }],
      [
        ['a', '1', ''],
        ['longer', '1,000', 'x'],
      ],
      plain,
    );
    expect(lines).toEqual(['NAME        N  NOTE', 'a           1', 'longer  1,000  x']);
  });

  test('does not count colours', () => {
    const lines = table(
      [{ heading: 'A' }, { heading: 'B' }],
      [
        [red('xx'), 'y'],
        ['xx', 'y'],
      ],
      plain,
    );
    expect(lines[1]).toBe(`${red('xx')}  y`);
    expect(lines[2]).toBe('xx  y');
  });

  test('without rows is its headings', () => {
    expect(table([{ heading: 'A' }, { heading: 'B' }], [], plain)).toEqual(['A  B']);
  });
});

test('facts are aligned', () => {
  expect(
    facts(
      [
        ['a', '1'],
        ['long', '2'],
      ],
      plain,
    ),
  ).toEqual(['  a     1', '  long  2']);
});

describe('a clipped text', () => {
  test('stays as it is where it fits, with its colours', () => {
    expect(clip(red('abc'), 3)).toBe(red('abc'));
  });
  test('shows that something is missing', () => {
    expect(clip('abcdef', 4)).toBe('abc…');
  });
  test('is never cut inside of a character', () => {
    expect(clip('👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧', 2)).toBe('👩‍👩‍👧…');
  });
});
