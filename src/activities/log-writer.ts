import type { LogStore } from '../store/logs.ts';
import { RestOfLog } from './rest-of-log.ts';

const flushBytes = 64 * 1024;
const flushMilliseconds = 500;
const tailBytes = 64 * 1024;

/** Bytes of an output that are kept: so many from its start, and so many from its end. */
export interface LogRoom {
  readonly head: number;
  readonly end: number;
}
const usualRoom: LogRoom = { head: 48 * 2 ** 20, end: 16 * 2 ** 20 };

/**
 * Carries a growing output into the store in pieces, and knows its end for whoever has to explain it. Of one that is larger
 * than a store should hold, the middle is left out, with a line that says how much.
 */
export class LogWriter {
  readonly #logs: LogStore;
  readonly #id: string;
  readonly #room: LogRoom;
  readonly #rest: RestOfLog;
  #offset: number;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #flushing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #failed: { readonly error: unknown } | undefined;
  #tail: Buffer = Buffer.alloc(0);

  constructor(logs: LogStore, id: string, offset: number, room: LogRoom = usualRoom) {
    this.#logs = logs;
    this.#id = id;
    this.#offset = offset;
    this.#room = room;
    this.#rest = new RestOfLog(room.end);
  }

  /**
   * A writer that goes on where the log in the store ends. Of an output that is larger than the room at its start, all that
   * comes behind that is taken again: what was left out of it is not known any more.
   */
  static async continue(logs: LogStore, id: string, room: LogRoom = usualRoom): Promise<LogWriter> {
    const length = Math.min(room.head, await logs.length(id));
    const writer = new LogWriter(logs, id, length, room);
    if (length > 0) writer.#keepTail((await logs.read(id, Math.max(0, length - tailBytes))).subarray(0, tailBytes));
    return writer;
  }

  /** Bytes of the output taken so far, kept or left out. */
  get length(): number {
    return this.#offset + this.#pendingBytes + this.#rest.length;
  }

  /** The last bytes of the output, as text. */
  get tail(): string {
    return this.#tail.toString('utf8');
  }

  /** Settles at once, or when the store has caught up with a fast writer. */
  async write(chunk: Buffer): Promise<void> {
    this.#keepTail(chunk);
    const room = this.#room.head - this.#offset - this.#pendingBytes;
    if (chunk.length > room) this.#rest.add(chunk.subarray(room));
    const kept = chunk.length > room ? chunk.subarray(0, room) : chunk;
    if (kept.length === 0) return;
    this.#pending.push(kept);
    this.#pendingBytes += kept.length;
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

  /** As flush, when the output is over: its end is put behind what was left out. */
  async finish(): Promise<void> {
    await this.flush();
    const end = this.#rest.end();
    for (let at = 0; at < end.length; at += flushBytes) {
      await this.#logs.append(this.#id, this.#offset + at, end.subarray(at, at + flushBytes));
    }
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
