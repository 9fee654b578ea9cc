import type { WriteStream } from 'node:tty';

/** How long steps tell people where they are. */
export interface Progress {
  /**
   * Runs one step and shows it. `report` replaces the step's detail: the last line of a build, a figure. The detail that
   * stands when the step ends stays on the screen.
   */
  step<T>(title: string, work: (report: (detail: string) => void) => Promise<T>): Promise<T>;
}

/** Shows nothing. */
export const silent: Progress = { step: (_title, work) => work(() => undefined) };

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const frameMs = 120;
/** Seconds between signs of life where the output is no terminal. */
const plainHeartbeatSeconds = 15;

/** A spinner with the elapsed seconds on a terminal; elsewhere a line at the end, and now and then one before. */
export function showProgress(stream: WriteStream | NodeJS.WritableStream): Progress {
  return 'isTTY' in stream && stream.isTTY ? onTerminal(stream) : plain(stream);
}

function onTerminal(stream: WriteStream): Progress {
  return {
    async step(title, work) {
      const started = performance.now();
      let detail = '';
      let frame = 0;
      const draw = (): void => {
        const head = `${frames[frame % frames.length]} ${title}  ${seconds(started)}`;
        stream.write(`\r\u001B[K${head}\u001B[2m${clip(`  ${detail}`, stream.columns - head.length - 1)}\u001B[0m`);
        frame += 1;
      };
      draw();
      const timer = setInterval(draw, frameMs);
      const end = (mark: string): void => {
        clearInterval(timer);
        stream.write(`\r\u001B[K${mark} ${closing(title, detail, started)}\n`);
      };
      return settle(
        work((text) => {
          detail = oneLine(text);
        }),
        () => end('\u001B[32m✓\u001B[0m'),
        () => end('\u001B[31m✗\u001B[0m'),
      );
    },
  };
}

function plain(stream: NodeJS.WritableStream): Progress {
  return {
    async step(title, work) {
      const started = performance.now();
      let detail = '';
      const timer = setInterval(
        () => stream.write(`  … ${title}: ${seconds(started)}${detail && `, ${detail}`}\n`),
        plainHeartbeatSeconds * 1000,
      );
      const end = (mark: string): void => {
        clearInterval(timer);
        stream.write(`${mark} ${closing(title, detail, started)}\n`);
      };
      return settle(
        work((text) => {
          detail = oneLine(text);
        }),
        () => end('✓'),
        () => end('✗'),
      );
    },
  };
}

async function settle<T>(work: Promise<T>, done: () => void, failed: () => void): Promise<T> {
  try {
    const value = await work;
    done();
    return value;
  } catch (error) {
    failed();
    throw error;
  }
}

/** The elapsed time is worth telling only where somebody had to wait. */
function closing(title: string, detail: string, started: number): string {
  const elapsed = performance.now() - started >= 1000 ? `  (${seconds(started)})` : '';
  return `${title}${detail && `  ${detail}`}${elapsed}`;
}

function seconds(started: number): string {
  return `${Math.round((performance.now() - started) / 1000)} s`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
