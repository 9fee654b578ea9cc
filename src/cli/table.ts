import { stripVTControlCharacters } from 'node:util';
import type { Paint } from './output.ts';

export interface Column {
  readonly heading: string;
  /** Numbers stand to the right. */
  readonly right?: boolean;
}

const gap = '  ';

/** Lines of a table: columns as wide as their widest cell, colours not counted. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], paint: Paint): string[] {
  const widths = columns.map(({ heading }, index) =>
    Math.max(heading.length, ...rows.map((row) => widthOf(row[index] ?? ''))),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => {
        const filling = ' '.repeat(Math.max(0, (widths[index] ?? 0) - widthOf(cell)));
        return columns[index]?.right ? filling + cell : cell + filling;
      })
      .join(gap)
      .trimEnd();
  return [paint('dim', line(columns.map(({ heading }) => heading))), ...rows.map(line)];
}

/** Lines of names and what they stand for, aligned. */
export function facts(rows: readonly (readonly [name: string, value: string])[], paint: Paint): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${paint('dim', name.padEnd(width))}  ${value}`);
}

/** Columns of a terminal that a text takes, about: wide characters count as one. */
function widthOf(text: string): number {
  return characters(text).length;
}

/** A text in at most so many columns; what is cut off is marked. Loses its colours where it is cut. */
export function clip(text: string, width: number): string {
  const all = characters(text);
  return all.length <= width ? text : `${all.slice(0, Math.max(0, width - 1)).join('')}…`;
}

const segmenter = new Intl.Segmenter('en');

function characters(text: string): string[] {
  return Array.from(segmenter.segment(stripVTControlCharacters(text)), ({ segment }) => segment);
}
