import { type Frame, frameHeaderBytes, writeFrameHeader } from './frames.ts';

const slabBytes = 256 * 1024;
/** Payloads up to this size are copied side by side into a slab, so that one write takes hundreds of them. */
const copiedBytes = 16 * 1024;

/** Frames that wait to be written. Adding one costs no system call, and for a small one no allocation. */
export class FrameQueue {
  private full: Buffer[] = [];
  private slab = Buffer.alloc(0);
  /** Bytes of the slab that were taken already, and that are used. */
  private from = 0;
  private used = 0;
  /** Bytes that wait. */
  bytes = 0;

  /** The payload must not be changed any more. */
  add(frame: Frame): void {
    const { payload } = frame;
    const copied = payload.length <= copiedBytes;
    this.reserve(frameHeaderBytes + (copied ? payload.length : 0));
    writeFrameHeader(this.slab, this.used, frame, payload.length);
    this.used += frameHeaderBytes;
    if (copied) {
      payload.copy(this.slab, this.used);
      this.used += payload.length;
    } else {
      this.cut();
      this.full.push(payload);
    }
    this.bytes += frameHeaderBytes + payload.length;
  }

  /** Everything that waits, in order. */
  take(): Buffer[] {
    this.cut();
    const taken = this.full;
    this.full = [];
    this.bytes = 0;
    return taken;
  }

  private reserve(bytes: number): void {
    if (this.slab.length - this.used >= bytes) return;
    this.cut();
    this.slab = Buffer.allocUnsafe(slabBytes);
    this.from = 0;
    this.used = 0;
  }

  private cut(): void {
    if (this.used > this.from) this.full.push(this.slab.subarray(this.from, this.used));
    this.from = this.used;
  }
}
