import { stripVTControlCharacters, styleText } from 'node:util';

type Style = Exclude<Parameters<typeof styleText>[0], readonly unknown[]>;

/** Puts a style on a text where the stream it is meant for shows styles. */
export type Paint = (style: Style, text: string) => string;

/** No styles at all, for files and tests. */
export const plain: Paint = (_style, text) => text;

/** Colours on a terminal, none elsewhere; NO_COLOR and FORCE_COLOR are honoured. */
function paintFor(stream: NodeJS.WriteStream): Paint {
  return (style, text) => styleText(style, text, { stream });
}

/** Styles for stdout, where results go. */
export const paint = paintFor(process.stdout);
/** Styles for stderr, where progress and errors go. */
export const paintError = paintFor(process.stderr);

/**
 * A text that others wrote, safe to show: an agent's output may hold sequences that do things to a terminal. Line ends and
 * tabs stay.
 */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return stripVTControlCharacters(text).replaceAll(/\r(?=\n)|[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g, '');
}

/** A line of the result. */
export function say(line = ''): void {
  process.stdout.write(`${line}\n`);
}

let writeNote = (line: string): void => void process.stderr.write(`${line}\n`);

/** A line of progress or advice: never part of the result. */
export function note(line = ''): void {
  writeNote(line);
}

/** For who keeps redrawing the end of stderr: notes go through it, until the returned function is called. */
export function takeNotes(write: (line: string) => void): () => void {
  const before = writeNote;
  writeNote = write;
  return () => {
    writeNote = before;
  };
}

/** A piece of a log that passes by. */
export function noteBytes(bytes: Uint8Array): void {
  process.stderr.write(bytes);
}

/** The result as JSON, alone on stdout, in the two-space form that people pipe into files. */
export function sayJson(value: unknown): void {
  say(JSON.stringify(value, null, 2));
}

/** Bytes as they come, no faster than the reader takes them. */
export async function sayBytes(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of bytes) {
    if (!process.stdout.write(chunk))
      await new Promise<void>((resolve) => process.stdout.once('drain', () => resolve()));
  }
}

const statusStyles: Readonly<Record<string, Style>> = {
  ready: 'green',
  completed: 'green',
  ok: 'green',
  building: 'yellow',
  provisioning: 'yellow',
  running: 'cyan',
  evaluating: 'cyan',
  pending: 'blue',
  queued: 'blue',
  failed: 'red',
  cancelled: 'magenta',
};

/** A status in its colour, the same everywhere. */
export function paintStatus(put: Paint, status: string, text = status): string {
  const style = statusStyles[status];
  return style ? put(style, text) : text;
}
