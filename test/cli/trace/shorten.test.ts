import { describe, expect, test } from 'vitest';
import { noLimit, shorten } from '../../../src/cli/trace/shorten.ts';

const room = { head: 2, tail: 1, width: 10 };

describe('a shortened text', () => {
  test('stays whole where it fits', () => {
    expect(shorten('a\nb\nc', room)).toEqual(['a', 'b', 'c']);
  });
  test('says how much was left out of its middle', () => {
    expect(shorten('1\n2\n3\n4\n5\n6', room)).toEqual(['1', '2', '… 3 lines left out', '6']);
  });
  test('does not leave out a single line, which would take as much room to say', () => {
    expect(shorten('1\n2\n3\n4', room)).toEqual(['1', '2', '3', '4']);
  });
  test('has no long lines', () => {
    expect(shorten('0123456789abc', room)).toEqual(['012345678…']);
  });
  test('loses empty lines at its end', () => {
    expect(shorten('a\n\n\n', room)).toEqual(['a']);
  });
  test('is everything where there is no limit', () => {
    const text = Array.from({ length: 500 }, (_, line) => `${line} ${'x'.repeat(300)}`);
    expect(shorten(text.join('\n'), noLimit)).toEqual(text);
  });
});
