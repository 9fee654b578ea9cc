import type { Paint } from '../output.ts';
import { type Room, shorten } from './shorten.ts';

/** A command as a shell shows it: `$` before its first line, `>` before the others. */
export function promptLines(command: string, room: Room, paint: Paint): string[] {
  return shorten(command, room).map((line, index) => `${paint('cyan', index === 0 ? '$' : '>')} ${line}`);
}

/** What a command put out, set off from what was said; an exit code that means trouble below it. */
export function outputLines(text: string, exitCode: number | null, room: Room, paint: Paint): string[] {
  const output = text.trim() === '' ? [] : shorten(text, room);
  return [
    ...output.map((line) => paint('dim', `  ${line}`)),
    ...(exitCode === null || exitCode === 0 ? [] : [paint('yellow', `  exit code ${exitCode}`)]),
  ];
}
