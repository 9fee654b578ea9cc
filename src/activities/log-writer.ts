import type { LogStore } from '../store/logs.ts';

const flushBytes = 64 * 1024;
const flushMilliseconds = 500;
const tailBytes = 64 * 1024;

/** Carries a growing output into the store in pieces, and knows its end for whoever has to explain it. */
export class LogWriter {
  readonly #logs: LogStore;
  readonly #id: string;
  #offset: number;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #flushing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #failed: { readonly error: unknown } | undefined;
  #tail: Buffer = Buffer.alloc(0);

  constructor(logs: LogStore, id: string, offset: number) {
    this.#logs = logs;
    this.#id = id;
    this.#offset = offset;
  }

  /** A writer that goes on where the log in the store ends. */
  static async continue(logs: LogStore, id: string): Promise<LogWriter> {
    const length = await logs.length(id);
    const writer = new LogWriter(logs, id, length);
    if (length > 0) writer.#keepTail(await logs.read(id, Math.max(0, length - tailBytes)));
    return writer;
  }

  /** Bytes taken so far, from the log's start. */
  get length(): number {
    return this.#offset + this.#pendingBytes;
  }

  /** The last bytes of the output, as text. */
  get tail(): string {
    return this.#tail.toString('utf8');
  }

  /** Settles at once, or when the store has caught up with a fast writer. */
  async write(chunk: Buffer): Promise<void> {
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.length;
    this.#keepTail(chunk);
    if (this.#pendingBytes >= flushBytes) await this.flush();
    else this.#timer ??= setTimeout(() => void this.flush().catch(() => {}), flushMilliseconds);
  }

  /** Returns once all that was written is in the store; throws what the store threw, then and ever after. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flushing = this.#flushing.then(() => this.#flushPending());
    await this.#flushing;
    if (this.#failed) throw this.#failed.error;
  }

  async #flushPending(): Promise<void> {
    if (this.#failed || this.#pendingBytes === 0) return;
    const data = Buffer.concat(this.#pending);
    const offset = this.#offset;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#offset += data.length;
    try {
      await this.#logs.append(this.#id, offset, data);
    } catch (error) {
      this.#failed = { error };
    }
  }

  #keepTail(chunk: Buffer): void {
    const whole = this.#tail.length === 0 ? chunk : Buffer.concat([this.#tail, chunk]);
    this.#tail = whole.length > tailBytes ? Buffer.from(whole.subarray(-tailBytes)) : whole;
  }
}
