import { invalid } from './errors.ts';
import { type Word, splitWords } from './shell-words.ts';

/**
 * A Dockerfile as BuildKit's parser reads it (frontend/dockerfile/parser): parser directives, continuation lines, the
 * comments among them, heredocs, flags. What an instruction means is left to its readers.
 */
export interface Dockerfile {
  /** Every line as it stands, comments too. */
  readonly lines: readonly string[];
  /** The escape character: a backslash, or a backtick by `# escape=`. */
  readonly escape: string;
  readonly instructions: readonly Instruction[];
}

export interface Instruction {
  /** In upper case; of `ONBUILD X …` it is `X`. */
  readonly keyword: string;
  /** Where it starts, from 1. */
  readonly line: number;
  /** `--name` and `--name=value` before the arguments. */
  readonly flags: readonly Flag[];
  /** What follows keyword and flags, continuation lines joined. */
  readonly text: string;
  /** Line of the character at `offset` of the text. */
  readonly lineAt: (offset: number) => number;
  readonly heredocs: readonly Heredoc[];
}

interface Flag {
  readonly name: string;
  /** Empty where there is none. */
  readonly value: string;
}

interface Heredoc {
  /** Line of its first line of content, from 1. */
  readonly line: number;
  readonly lines: readonly string[];
}

/** Throws `invalid_request` for what no builder would take: no FROM, something before it, a heredoc without end. */
export function parseDockerfile(text: string): Dockerfile {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const escape = escapeOf(lines);
  const instructions: Instruction[] = [];
  const reader = { lines, at: 0 };
  while (reader.at < lines.length) {
    const instruction = readInstruction(reader, escape);
    if (instruction) instructions.push(instruction);
  }

  const first = instructions.find(({ keyword }) => keyword !== 'ARG');
  if (!first) throw dockerfileError(Math.max(1, instructions.at(-1)?.line ?? 1), 'has no FROM');
  if (first.keyword !== 'FROM') throw dockerfileError(first.line, `${first.keyword} comes before the first FROM`);
  return { lines, escape, instructions };
}

/** An error of the request's `dockerfile` that names its line. */
export const dockerfileError = (line: number, message: string, remedy?: string) =>
  invalid('dockerfile', `line ${line}: ${message}`, remedy);

/** An instruction's arguments as words; not for the JSON form `["a", "b"]`. */
export const wordsOf = (instruction: Instruction, { escape }: Dockerfile): readonly Word[] =>
  splitWords(instruction.text, escape);

/** `NAME=value` pairs of an ENV or ARG; the value is undefined for an ARG without default. */
export function assignments(instruction: Instruction, dockerfile: Dockerfile): readonly Assignment[] {
  const words = wordsOf(instruction, dockerfile);
  const [first] = words;
  // The old form: ENV NAME all that follows.
  if (instruction.keyword === 'ENV' && first && !first.raw.includes('=')) {
    return [{ name: first.value, value: instruction.text.slice(first.offset + first.raw.length).trim(), offset: 0 }];
  }
  return words.map(({ value, offset }) => {
    const equals = value.indexOf('=');
    return equals < 0
      ? { name: value, value: undefined, offset }
      : { name: value.slice(0, equals), value: value.slice(equals + 1), offset };
  });
}

interface Assignment {
  readonly name: string;
  readonly value: string | undefined;
  /** Where in the instruction's text it stands. */
  readonly offset: number;
}

interface Reader {
  readonly lines: readonly string[];
  /** Index of the next line. */
  at: number;
}

const isComment = (line: string) => /^\s*#/.test(line);

/** Directives are comments of the form `# name=value` before anything else; the first other line ends them. */
function escapeOf(lines: readonly string[]): string {
  for (const [index, line] of lines.entries()) {
    const [, name, rest] = /^\s*#\s*(escape|syntax|check)\s*=(.+)$/i.exec(line) ?? [];
    const value = rest?.trim();
    if (!name || !value) break;
    if (name.toLowerCase() !== 'escape') continue;
    if (value !== '\\' && value !== '`') throw dockerfileError(index + 1, 'escape must be \\ or `');
    return value;
  }
  return '\\';
}

function readInstruction(reader: Reader, escape: string): Instruction | undefined {
  const line = reader.at + 1;
  const logical = readLogicalLine(reader, escape);
  const [, head = '', keyword] = /^((?:ONBUILD\s+)?(\S+)\s*)/i.exec(logical.text) ?? [];
  if (!keyword) return undefined;

  const argumentWords = splitWords(logical.text.slice(head.length), escape);
  const firstArgument = argumentWords.find(({ raw }) => !raw.startsWith('--'));
  const start = head.length + (firstArgument?.offset ?? logical.text.length - head.length);
  const flags = argumentWords.slice(0, firstArgument ? argumentWords.indexOf(firstArgument) : undefined);
  const upper = keyword.toUpperCase();
  return {
    keyword: upper,
    line,
    flags: flags.map(({ value }) => {
      const [, name = '', flagValue = ''] = /^--([^=]*)=?(.*)$/s.exec(value) ?? [];
      return { name, value: flagValue };
    }),
    text: logical.text.slice(start).trimEnd(),
    lineAt: (offset) => logical.pieces.findLast((piece) => piece.offset <= start + offset)?.line ?? line,
    heredocs: takesHeredocs.has(upper) ? readHeredocs(reader, argumentWords) : [],
  };
}

interface LogicalLine {
  readonly text: string;
  /** Which line the text comes from, from which offset on. */
  readonly pieces: readonly { readonly offset: number; readonly line: number }[];
}

/** One line with those that continue it; comments and blank lines among them are dropped. */
function readLogicalLine(reader: Reader, escape: string): LogicalLine {
  let text = '';
  const pieces = [];
  let continues = true;
  while (continues && reader.at < reader.lines.length) {
    const raw = reader.lines[reader.at++] ?? '';
    const isFirst = pieces.length === 0;
    if (isComment(raw) || raw.trim() === '') {
      if (isFirst) break;
      continue;
    }
    const [content, goesOn] = cutContinuation(isFirst ? raw.trimStart() : raw, escape);
    pieces.push({ offset: text.length, line: reader.at });
    text += content;
    continues = goesOn;
  }
  return { text, pieces };
}

/** A line goes on where the escape character ends it, blanks aside, and is not itself escaped. */
function cutContinuation(line: string, escape: string): readonly [content: string, goesOn: boolean] {
  const trimmed = line.trimEnd();
  return trimmed.endsWith(escape) && !trimmed.endsWith(escape + escape) ? [trimmed.slice(0, -1), true] : [line, false];
}

const takesHeredocs = new Set(['RUN', 'COPY', 'ADD']);

function readHeredocs(reader: Reader, words: readonly Word[]): readonly Heredoc[] {
  return words.flatMap(({ raw }) => {
    const [, dash, quotedName] = /^\d*<<(-?)([^<]+)$/.exec(raw) ?? [];
    if (quotedName === undefined) return [];
    const name = quotedName.replaceAll(/["'\\]/g, '');
    const line = reader.at + 1;
    const lines = [];
    let content: string | undefined;
    while ((content = reader.lines[reader.at++]) !== undefined) {
      if ((dash ? content.replace(/^\t+/, '') : content) === name) return [{ line, lines }];
      lines.push(content);
    }
    throw dockerfileError(line - 1, `the heredoc ${name} has no end`);
  });
}
