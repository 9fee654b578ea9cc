import { type CallFile, CallLog } from './call-log.ts';
import type { FileWriter } from './file-writer.ts';
import { type Frame, frameTypes } from './frames.ts';
import type { CallOpening } from './records.ts';

/** One file of a journal, with the calls that stand in it. */
export class JournalFile implements CallFile {
  readonly name: string;
  private readonly writer: FileWriter;
  private calls = 0;
  private openCalls = 0;
  private onEmpty: (() => void) | undefined;

  constructor(name: string, writer: FileWriter) {
    this.name = name;
    this.writer = writer;
  }

  /** Bytes of the file once all that waits is written. */
  get size(): number {
    return this.writer.size;
  }

  /** Bytes that are not written yet. */
  get waiting(): number {
    return this.writer.waiting;
  }

  get hasCalls(): boolean {
    return this.calls > 0;
  }

  begin(opening: CallOpening, request: Buffer): CallLog {
    this.openCalls++;
    return CallLog.begin(this, ++this.calls, opening, request);
  }

  add(frame: Frame): void {
    this.writer.add(frame);
  }

  flush(): Promise<void> {
    return this.writer.flush();
  }

  callClosed(): void {
    this.openCalls--;
    if (this.openCalls === 0) this.onEmpty?.();
  }

  /** No call begins here any more: resolves when the last open one is closed. */
  async emptied(): Promise<void> {
    if (this.openCalls > 0) await new Promise<void>((resolve) => (this.onEmpty = resolve));
  }

  /** Marks the file as complete, and closes it. */
  async finish(): Promise<void> {
    this.add({ type: frameTypes.end, call: 0, ms: 0, payload: Buffer.alloc(0) });
    await this.writer.close();
  }
}
