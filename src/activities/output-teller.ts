import type { OutputReader } from '../agents/agent.ts';
import type { AgentEvent } from '../model/agent-event.ts';
import type { EventContent, OutputStream } from '../model/event.ts';
import type { AttemptRef } from '../model/stages.ts';
import type { EventStore } from '../store/events.ts';
import type { LogStore } from '../store/logs.ts';
import { LineSplitter } from './line-splitter.ts';

const flushMilliseconds = 500;
/** Events that are told at once at most. */
const flushEvents = 100;
/** Of one output; what comes behind is in its log alone. */
const mostEvents = 20_000;
/** Characters of any text in an event; the log and the trace have all of it. */
const textLength = 16 * 1024;

export interface TellerOptions extends AttemptRef {
  readonly events: EventStore;
  readonly stream: OutputStream;
  /** Of the agent's own format; undefined: all of it is text. */
  readonly read: OutputReader | undefined;
}

/**
 * Tells a growing output as events: what an agent's own format says, and other lines as text. Whole lines only, and each
 * once: another process that follows the same output is told from the place that the store knows.
 */
export class OutputTeller {
  readonly #options: TellerOptions;
  readonly #lines = new LineSplitter();
  /** Bytes that are told, and that will be with what is pending. */
  #told: number;
  #upTo: number;
  #pending: EventContent[] = [];
  #count = 0;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();
  #failed: { readonly error: unknown } | undefined;
  /** Somebody else tells it. */
  #overtaken = false;

  private constructor(options: TellerOptions, told: number) {
    this.#options = options;
    this.#told = told;
    this.#upTo = told;
  }

  /** A teller that goes on behind what is told. It reads the log again as far as there is one: a format may have a memory. */
  static async continue(options: TellerOptions, logs: LogStore, logId: string, length: number): Promise<OutputTeller> {
    const { events, rolloutId } = options;
    const teller = new OutputTeller(options, length === 0 ? 0 : await events.told(rolloutId, streamName(options)));
    for (let at = 0; at < length;) {
      const piece = (await logs.read(logId, at)).subarray(0, length - at);
      if (piece.length === 0) break;
      at += piece.length;
      await teller.write(piece);
    }
    return teller;
  }

  async write(chunk: Buffer): Promise<void> {
    // Of what is not told any more, only the place counts: it may be hundreds of megabytes.
    if (this.#count > mostEvents) this.#upTo = Math.max(this.#upTo, this.#lines.skip(chunk));
    else for (const { line, end } of this.#lines.push(chunk)) this.#take(line, end);
    if (this.#pending.length >= flushEvents) await this.flush();
    else if (this.#upTo > this.#told) {
      this.#timer ??= setTimeout(() => void this.flush().catch(() => {}), flushMilliseconds);
    }
  }

  /** The output is over: a last line without its end is one, too. */
  async finish(): Promise<void> {
    const last = this.#lines.rest();
    if (last) this.#take(last.line, last.end);
    await this.flush();
  }

  /** Returns once all whole lines are told; throws what the store threw, then and ever after. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flushing = this.#flushing.then(() => this.#flushPending());
    await this.#flushing;
    if (this.#failed) throw this.#failed.error;
  }

  #take(line: string, end: number): void {
    const contents = this.#contents(line);
    // Read again after a crash: told already.
    if (end <= this.#told) {
      this.#count += contents.length;
      return;
    }
    this.#upTo = end;
    for (const content of contents) this.#add(content);
  }

  #contents(line: string): readonly EventContent[] {
    const { read, stream } = this.#options;
    const events = read?.(line);
    if (events) return events.map((event) => ({ type: 'agent', event: shortened(event) }));
    return line === '' ? [] : [{ type: 'log', stream, text: cut(line) }];
  }

  #add(content: EventContent): void {
    if (this.#count > mostEvents) return;
    this.#count += 1;
    if (this.#count > mostEvents) {
      const message = `no more of this output is told here than ${mostEvents} events; its log has all of it`;
      this.#pending.push({ type: 'notice', message });
      return;
    }
    const last = this.#pending.at(-1);
    const joins = content.type === 'log' && last?.type === 'log' && last.text.length + content.text.length < textLength;
    if (joins) this.#pending.splice(-1, 1, { ...last, text: `${last.text}\n${content.text}` });
    else this.#pending.push(content);
  }

  async #flushPending(): Promise<void> {
    if (this.#failed || this.#overtaken || this.#upTo === this.#told) return;
    const { events, rolloutId, attempt } = this.#options;
    const contents = this.#pending;
    const piece = { stream: streamName(this.#options), from: this.#told, to: this.#upTo, attempt, contents };
    this.#pending = [];
    this.#told = this.#upTo;
    try {
      this.#overtaken = !(await events.tell(rolloutId, piece));
    } catch (error) {
      this.#failed = { error };
    }
  }
}

const streamName = ({ stream, attempt }: TellerOptions): string => `${stream}/${attempt}`;

function cut(text: string): string {
  if (text.length <= textLength) return text;
  return `${text.slice(0, textLength)}… (${text.length - textLength} more characters)`;
}

/** The same event with texts of a bearable length. */
function shortened(event: AgentEvent): AgentEvent {
  switch (event.type) {
    case 'message':
    case 'reasoning':
      return { ...event, text: cut(event.text) };
    case 'tool_call':
      return { ...event, input: cut(event.input) };
    case 'tool_result':
      return { ...event, output: cut(event.output) };
    case 'retry':
    case 'notice':
      return { ...event, message: cut(event.message) };
    case 'end':
      return { ...event, message: event.message === null ? null : cut(event.message) };
    case 'session':
    case 'file_change':
    case 'plan':
      return event;
  }
}
