/**
 * The journal's frames. A file is a row of them, little-endian:
 *
 *     u32 length of the payload · u32 number of the call in this file · u32 ms since the call began · u8 type · payload
 *
 * Frames of many calls stand side by side. A call's first two are `open` and `request`, its last is `close`. `journal`
 * is a file's first frame, and `end` the last of a file that is complete; their number is 0.
 */
export const frameTypes = {
  /** JSON: whose file it is. */
  journal: 0xb1,
  /** JSON: what was asked, by whom. */
  open: 0xb2,
  /** The request's body. */
  request: 0xb3,
  /** JSON: status and headers of the answer. */
  head: 0xb4,
  /** A piece of the answer's body. */
  chunk: 0xb5,
  /** JSON: how it ended. */
  close: 0xb6,
  end: 0xb7,
} as const;

export type FrameType = (typeof frameTypes)[keyof typeof frameTypes];

export interface Frame {
  readonly type: FrameType;
  readonly call: number;
  readonly ms: number;
  readonly payload: Buffer;
}

export const frameHeaderBytes = 13;
const longestMs = 0xffff_ffff;
const known: ReadonlySet<number> = new Set(Object.values(frameTypes));

export function writeFrameHeader(
  target: Buffer,
  at: number,
  frame: Omit<Frame, 'payload'>,
  payloadBytes: number,
): void {
  target.writeUInt32LE(payloadBytes, at);
  target.writeUInt32LE(frame.call, at + 4);
  target.writeUInt32LE(Math.min(longestMs, frame.ms), at + 8);
  target.writeUInt8(frame.type, at + 12);
}

/** `bytes`: how long the frame is with its header, as far as is known; more than there is where it is not all there. */
export type FrameAt = { readonly bytes: number; readonly frame?: Frame };

/**
 * The frame that begins at `at`, its payload a view of `buffer`. Without one, the frame is not all there: it is being
 * written, or its writer died. Undefined: no frame begins here, as where a file's last pages were lost with the machine.
 */
export function readFrame(buffer: Buffer, at: number): FrameAt | undefined {
  if (buffer.length - at < frameHeaderBytes) return { bytes: frameHeaderBytes };
  const type = buffer.readUInt8(at + 12);
  if (!isFrameType(type)) return undefined;
  const bytes = frameHeaderBytes + buffer.readUInt32LE(at);
  if (buffer.length - at < bytes) return { bytes };
  const payload = buffer.subarray(at + frameHeaderBytes, at + bytes);
  return { bytes, frame: { type, call: buffer.readUInt32LE(at + 4), ms: buffer.readUInt32LE(at + 8), payload } };
}

function isFrameType(value: number): value is FrameType {
  return known.has(value);
}
