import { takeNotes } from './output.ts';
import { clip } from './table.ts';

/** One thing that is under way. */
export interface LiveRow {
  readonly key: string;
  /** What counts as news where lines cannot be rewritten: a phase, not the seconds. Undefined: none so far. */
  readonly state: string | undefined;
  readonly text: string;
  /** Rows that may be left out where there is no room, e.g. those that wait. */
  readonly minor?: boolean;
}

/** Lines that show how several things go on. Notes that are made meanwhile stand above them. */
export interface Live {
  /** There may be news. */
  refresh(): void;
  /** Shows the last state, which stays. */
  end(): void;
}

/** What is asked of the stream that it is shown on: a terminal, or anything that takes text. */
export interface LiveStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

const tickMs = 250;

/** On a terminal a block of lines that is rewritten in place; elsewhere a line whenever something changed its state. */
export function showLive(stream: LiveStream, rows: () => readonly LiveRow[]): Live {
  return stream.isTTY ? onTerminal(stream, rows) : asLines(stream, rows);
}

function onTerminal(stream: LiveStream, rows: () => readonly LiveRow[]): Live {
  let drawn = 0;
  const erase = (): string => (drawn > 0 ? `\u001B[${drawn}A\u001B[J` : '');
  const draw = (before = ''): void => {
    const lines = fitted(rows(), (stream.rows || 24) - 1).map((line) => clip(line, (stream.columns || 80) - 1));
    stream.write(`${erase()}${before}${lines.map((line) => `${line}\n`).join('')}`);
    drawn = lines.length;
  };
  draw();
  const timer = setInterval(draw, tickMs);
  const giveBack = takeNotes((line) => draw(`${line}\n`));
  return {
    refresh() {},
    end() {
      clearInterval(timer);
      giveBack();
      draw();
      drawn = 0;
    },
  };
}

/** What the screen has room for: minor rows go first. */
function fitted(rows: readonly LiveRow[], room: number): string[] {
  if (rows.length <= room) return rows.map(({ text }) => text);
  const shown = [...rows.filter(({ minor }) => !minor), ...rows.filter(({ minor }) => minor)].slice(0, room - 1);
  return [...shown.map(({ text }) => text), `  … and ${rows.length - shown.length} more`];
}

function asLines(stream: LiveStream, rows: () => readonly LiveRow[]): Live {
  const states = new Map<string, string>();
  const refresh = (): void => {
    for (const { key, state, text } of rows()) {
      if (state === undefined || states.get(key) === state) continue;
      states.set(key, state);
      stream.write(`${text}\n`);
    }
  };
  refresh();
  return { refresh, end: refresh };
}
