import { z } from 'zod';
import { type BuildStep, decodeTrace } from './buildkit-trace.ts';
import type { EngineMessage } from './messages.ts';

/**
 * Turns the engine's messages of a build into plain lines, of either builder. BuildKit works on several steps at a time:
 * each has a number, and its output that number in front.
 */
export class BuildLog {
  readonly #onLog: (text: string) => void;
  readonly #steps = new Map<string, StepLog>();
  #step = '';
  #error: string | undefined;
  #built = false;

  constructor(onLog: (text: string) => void) {
    this.#onLog = onLog;
  }

  /** The step that failed, or was last begun; empty where there was none. */
  get step(): string {
    return this.#step;
  }

  /** Why the build failed; undefined as long as it did not. */
  get error(): string | undefined {
    return this.#error;
  }

  /** Whether the builder has named the image that it made. */
  get built(): boolean {
    return this.#built;
  }

  add(message: EngineMessage): void {
    const { stream, status, id, progressDetail, aux, error } = message;
    if (id === 'moby.buildkit.trace') {
      if (typeof aux === 'string') this.#addTrace(aux);
    } else if (imageSchema.safeParse(aux).success) {
      this.#built = true;
    } else if (stream !== undefined) {
      this.#addStream(stream);
    } else if (status !== undefined && progressDetail?.total === undefined) {
      this.#onLog(`${id === undefined ? '' : `${id}: `}${status}\n`);
    }
    if (error !== undefined) {
      this.#error = error;
      this.#onLog(`ERROR: ${error}\n`);
    }
  }

  /** The classic builder: `Step 2/5 : RUN make`, then its output, coloured where it is stderr. */
  #addStream(stream: string): void {
    // eslint-disable-next-line no-control-regex
    const text = stream.replace(/\u001B\[[0-9;]*m/g, '');
    const step = /^Step \d+\/\d+ : .*/.exec(text);
    if (step) this.#step = step[0];
    this.#say(text);
  }

  #addTrace(aux: string): void {
    const { steps, output } = decodeTrace(aux);
    for (const step of steps) {
      this.#say(this.#stepLog(step.digest).begin(step));
      // A step that was cancelled because another one failed is not the reason.
      if (step.error !== '' && !/context canceled/.test(step.error)) this.#step = step.name;
    }
    for (const { digest, text } of output) this.#say(this.#stepLog(digest).output(text));
    for (const step of steps) this.#say(this.#stepLog(step.digest).end(step));
  }

  #say(text: string): void {
    if (text !== '') this.#onLog(text);
  }

  #stepLog(digest: string): StepLog {
    const known = this.#steps.get(digest) ?? new StepLog(this.#steps.size + 1);
    this.#steps.set(digest, known);
    return known;
  }
}

const imageSchema = z.object({ ID: z.string() });

/** The lines of one BuildKit step. */
class StepLog {
  readonly #prefix: string;
  readonly #decoder = new TextDecoder();
  #begun = false;
  #ended = false;
  #line = '';

  constructor(number: number) {
    this.#prefix = `#${number} `;
  }

  begin({ name, started }: BuildStep): string {
    if (this.#begun || started === null) return '';
    this.#begun = true;
    return `${this.#prefix}${name}\n`;
  }

  output(bytes: Buffer): string {
    const lines = (this.#line + this.#decoder.decode(bytes, { stream: true })).split('\n');
    this.#line = lines.pop() ?? '';
    return lines.map((line) => `${this.#prefix}${line}\n`).join('');
  }

  end({ started, completed, cached, error }: BuildStep): string {
    if (this.#ended || completed === null) return '';
    this.#ended = true;
    const seconds = Math.max(0, completed - (started ?? completed)).toFixed(1);
    const how = error === '' ? (cached ? 'CACHED' : `DONE ${seconds}s`) : `ERROR: ${error}`;
    return `${this.#line === '' ? '' : this.output(Buffer.from('\n'))}${this.#prefix}${how}\n`;
  }
}
