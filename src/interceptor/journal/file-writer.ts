import { close, closeSync, openSync, renameSync, writeSync, writev, writevSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { HarborError } from '../../model/errors.ts';
import { DiskPace } from './disk-pace.ts';
import { FrameQueue } from './frame-queue.ts';
import { type Frame, frameHeaderBytes, frameTypes, writeFrameHeader } from './frames.ts';
import type { JournalHead } from './records.ts';

/** Milliseconds that pieces of answers may wait for company, and bytes that end the wait. */
const batchMs = 4;
const batchBytes = 64 * 1024;
/** Bytes that are written at once at most. */
const atOnceBytes = 1024 * 1024;
/** Milliseconds until a failed write is tried again. */
const retryMs = 500;

const writeBuffers = promisify(writev);
const closeFile = promisify(close);

interface Waiter {
  readonly target: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Writes one journal file, one write at a time and in order, so that a crash leaves a whole beginning of it. Nothing is
 * synced to the disk: what was written survives the death of this process.
 *
 * What somebody waits for is written at once, on the event loop, as long as the disk keeps up: to have a thread do it takes
 * several times as long as the write. Everything else, and everything once the disk has been slow, is written by a thread,
 * since a write that hangs would hold up every stream.
 */
export class FileWriter {
  readonly path: string;
  private readonly descriptor: number;
  private readonly onError: (error: HarborError) => void;
  private readonly queue = new FrameQueue();
  private readonly pace = new DiskPace();
  private waiters: Waiter[] = [];
  private timer: NodeJS.Timeout | undefined;
  private written: number;
  /** What was taken out of the queue and is not written yet, and its bytes. */
  private batch: Buffer[] = [];
  private underWay = 0;
  private writing = false;
  private idle = Promise.resolve();
  /** Why the last write failed; undefined once one has succeeded. */
  private failure: HarborError | undefined;
  private closing = false;

  private constructor(path: string, descriptor: number, written: number, onError: (error: HarborError) => void) {
    this.path = path;
    this.descriptor = descriptor;
    this.written = written;
    this.onError = onError;
  }

  /** Makes the file. It appears under its name with its first frame in it, so that it always tells whose it is. */
  static create(path: string, head: JournalHead, onError: (error: HarborError) => void): FileWriter {
    const payload = Buffer.from(JSON.stringify(head));
    const first = Buffer.alloc(frameHeaderBytes + payload.length);
    writeFrameHeader(first, 0, { type: frameTypes.journal, call: 0, ms: 0 }, payload.length);
    payload.copy(first, frameHeaderBytes);
    const unnamed = `${path}.tmp`;
    const descriptor = openSync(unnamed, 'wx', 0o600);
    try {
      writeSync(descriptor, first);
      renameSync(unnamed, path);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
    return new FileWriter(path, descriptor, first.length, onError);
  }

  /** Bytes of the file once all that waits is written. */
  get size(): number {
    return this.written + this.waiting;
  }

  /** Bytes that are not written yet. */
  get waiting(): number {
    return this.queue.bytes + this.underWay;
  }

  add(frame: Frame): void {
    this.queue.add(frame);
    if (this.queue.bytes >= batchBytes) this.start();
    else this.timer ??= setTimeout(() => this.start(), batchMs);
  }

  /** Resolves when everything that was added is written; rejects when a write fails, which is tried again all the same. */
  flush(): Promise<void> {
    if (this.failure) return Promise.reject(this.failure);
    if (!this.writing) this.writeAtOnce();
    if (this.waiting === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.waiters.push({ target: this.size, resolve, reject });
      this.start();
    });
  }

  /** Writes what waits and closes the file; where the disk takes no more, what waits is lost. */
  async close(): Promise<void> {
    this.closing = true;
    try {
      await this.flush();
    } finally {
      this.start();
      await this.idle;
      await closeFile(this.descriptor);
    }
  }

  private start(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.writing) return;
    this.writing = true;
    this.idle = this.writeAll();
  }

  private async writeAll(): Promise<void> {
    while (this.waiting > 0) {
      this.takeBatch();
      await this.writeBatch();
    }
    // In the same breath as the look at the queue, so that what is added from now on starts a run of its own.
    this.writing = false;
  }

  private takeBatch(): void {
    if (this.underWay > 0) return;
    this.batch = this.queue.take();
    this.underWay = this.batch.reduce((sum, buffer) => sum + buffer.length, 0);
  }

  private async writeBatch(): Promise<void> {
    try {
      const { bytesWritten } = await writeBuffers(this.descriptor, this.batch, this.written);
      this.failure = undefined;
      this.progress(bytesWritten);
      this.settle();
    } catch (error) {
      this.fail(error);
      if (this.closing) this.underWay = 0;
      else await sleep(retryMs);
    }
  }

  /** What does not go is left to a thread, which tells what is wrong. */
  private writeAtOnce(): void {
    const startedAt = performance.now();
    if (this.waiting === 0 || this.waiting > atOnceBytes || !this.pace.isPrompt(startedAt)) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.takeBatch();
    try {
      this.progress(writevSync(this.descriptor, this.batch, this.written));
    } catch {
      return;
    }
    const now = performance.now();
    this.pace.took(now - startedAt, now);
  }

  private progress(bytes: number): void {
    this.written += bytes;
    this.underWay -= bytes;
    this.batch = this.underWay > 0 ? [Buffer.concat(this.batch).subarray(bytes)] : [];
  }

  private settle(): void {
    const done = this.waiters.filter(({ target }) => target <= this.written);
    if (done.length === 0) return;
    this.waiters = this.waiters.filter(({ target }) => target > this.written);
    for (const { resolve } of done) resolve();
  }

  private fail(cause: unknown): void {
    const failure = new HarborError('internal', `the interceptor's journal ${this.path} cannot be written`, {
      cause,
      remedy: 'Free space on its disk; writing is tried again by itself.',
    });
    if (!this.failure) this.onError(failure);
    this.failure = failure;
    const waiters = this.waiters;
    this.waiters = [];
    for (const { reject } of waiters) reject(failure);
  }
}
