import type { CallStatus } from '../../model/call.ts';
import { type Frame, type FrameType, frameTypes } from './frames.ts';
import type { AnswerHead, CallClosing, CallOpening } from './records.ts';

/** Where a call's frames go. */
export interface CallFile {
  add(frame: Frame): void;
  flush(): Promise<void>;
  /** Told once, when the call's last frame is added. */
  callClosed(): void;
}

/** One call's part of the journal. */
export class CallLog {
  readonly id: string;
  private readonly file: CallFile;
  private readonly number: number;
  private readonly startedAt = performance.now();

  private constructor(file: CallFile, number: number, id: string) {
    this.file = file;
    this.number = number;
    this.id = id;
  }

  static begin(file: CallFile, number: number, opening: CallOpening, request: Buffer): CallLog {
    const log = new CallLog(file, number, opening.id);
    log.add(frameTypes.open, toJson(opening));
    log.add(frameTypes.request, request);
    return log;
  }

  /** Resolves when all that was said of the call so far is written. Rejects where the disk refuses. */
  flush(): Promise<void> {
    return this.file.flush();
  }

  head(head: AnswerHead): void {
    this.add(frameTypes.head, toJson(head));
  }

  /** A piece of the answer's body, which must not be changed any more. */
  chunk(piece: Buffer): void {
    this.add(frameTypes.chunk, piece);
  }

  /** The last word. */
  close(status: CallStatus, error: string | null): void {
    this.add(frameTypes.close, toJson({ status, error } satisfies CallClosing));
    this.file.callClosed();
  }

  private add(type: FrameType, payload: Buffer): void {
    this.file.add({ type, call: this.number, ms: Math.round(performance.now() - this.startedAt), payload });
  }
}

function toJson(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}
