import { counted } from '../format.ts';
import { printable } from '../output.ts';
import { clip } from '../table.ts';

export interface Room {
  /** Lines kept of the beginning and of the end. */
  readonly head: number;
  readonly tail: number;
  /** Columns kept of each line. */
  readonly width: number;
}

/** For what a tool was asked and what it answered. */
export const usualRoom: Room = { head: 10, tail: 6, width: 160 };
/** Everything. */
export const noLimit: Room = { head: Infinity, tail: 0, width: Infinity };

/** A text's lines, safe to show, those in the middle left out where there are too many, with how many that were. */
export function shorten(text: string, { head, tail, width }: Room): string[] {
  const lines = printable(text).replace(/\s+$/, '').split('\n');
  const keep = (some: readonly string[]) => some.map((line) => clip(line, width));
  const leftOut = lines.length - head - tail;
  // One line is not worth a remark of the same length.
  if (leftOut <= 1) return keep(lines);
  return [...keep(lines.slice(0, head)), `… ${counted(leftOut, 'line')} left out`, ...keep(lines.slice(-tail))];
}
