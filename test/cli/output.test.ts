import { expect, test } from 'vitest';
import { printable } from '../../src/cli/output.ts';

test.each([
  ['colours', 'a\u001B[31mred\u001B[0m', 'ared'],
  ['titles and clipboards', 'a\u001B]52;c;aGk=\u0007b', 'ab'],
  ['cursor movement', 'a\u001B[2Ab\u001B[Kc', 'abc'],
  ['8-bit controls', 'a\u009B31mb', 'ab'],
  ['bells and backspaces', 'pass\b\b\b\bfail\u0007', 'passfail'],
  ['lines that overwrite themselves', '10%\r20%\r\n', '10%20%\n'],
])('what others wrote is shown without %s', (_what, text, shown) => {
  expect(printable(text)).toBe(shown);
});

test('what others wrote keeps its lines, tabs and letters', () => {
  expect(printable('ä\tb\n漢字 👍\n')).toBe('ä\tb\n漢字 👍\n');
});
