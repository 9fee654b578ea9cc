import type { FileHandle } from 'node:fs/promises';
import { type Frame, readFrame } from './frames.ts';

const readBytes = 256 * 1024;

export interface PlacedFrame {
  readonly frame: Frame;
  /** Its first byte in the file, and the first behind it. */
  readonly from: number;
  readonly to: number;
}

/**
 * The whole frames of a file from `from` on, to the end that it has now. A frame that is not all there ends the reading:
 * it is still being written, or its writer died over it. A payload is valid until the next frame is asked for.
 */
export async function* readFrames(file: FileHandle, from: number): AsyncGenerator<PlacedFrame> {
  let buffer = Buffer.alloc(0);
  /** Where the buffer's first byte lies in the file, and how much of the buffer is read. */
  let base = from;
  let at = 0;
  for (;;) {
    const found = readFrame(buffer, at);
    if (!found) return;
    if (found.frame) {
      yield { frame: found.frame, from: base + at, to: base + at + found.bytes };
      at += found.bytes;
      continue;
    }
    const rest = buffer.subarray(at);
    const larger = Buffer.allocUnsafe(Math.max(readBytes, found.bytes));
    rest.copy(larger);
    const { bytesRead } = await file.read(larger, rest.length, larger.length - rest.length, base + at + rest.length);
    if (bytesRead === 0) return;
    base += at;
    at = 0;
    buffer = larger.subarray(0, rest.length + bytesRead);
  }
}
