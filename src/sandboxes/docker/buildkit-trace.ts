/** A step of a build, as BuildKit reports it each time that something about it changes. */
export interface BuildStep {
  readonly digest: string;
  readonly name: string;
  readonly cached: boolean;
  /** Seconds since 1970; null: not yet. */
  readonly started: number | null;
  readonly completed: number | null;
  /** Empty where nothing went wrong. */
  readonly error: string;
}

export interface BuildTrace {
  readonly steps: readonly BuildStep[];
  /** Output of steps, by their digest. */
  readonly output: readonly { readonly digest: string; readonly text: Buffer }[];
}

/**
 * Decodes the `aux` of a `moby.buildkit.trace` message: base64 of protobuf, the StatusResponse of BuildKit's
 * api/services/control/control.proto. Only the fields of a plain log are read: vertexes (1: digest 1, name 3, cached 4,
 * started 5, completed 6, error 7) and logs (3: vertex 1, msg 4).
 */
export function decodeTrace(base64: string): BuildTrace {
  const steps: BuildStep[] = [];
  const output: { digest: string; text: Buffer }[] = [];
  for (const [field, value] of fields(Buffer.from(base64, 'base64'))) {
    if (!Buffer.isBuffer(value)) continue;
    if (field === 1) steps.push(decodeStep(value));
    if (field === 3) output.push(decodeOutput(value));
  }
  return { steps, output };
}

function decodeStep(message: Buffer): BuildStep {
  const read = new Map(fields(message));
  return {
    digest: textOf(read.get(1)),
    name: textOf(read.get(3)),
    cached: Number(read.get(4) ?? 0) !== 0,
    started: timeOf(read.get(5)),
    completed: timeOf(read.get(6)),
    error: textOf(read.get(7)),
  };
}

function decodeOutput(message: Buffer): { digest: string; text: Buffer } {
  const read = new Map(fields(message));
  const text = read.get(4);
  return { digest: textOf(read.get(1)), text: Buffer.isBuffer(text) ? text : Buffer.alloc(0) };
}

const textOf = (value: Value | undefined): string => (Buffer.isBuffer(value) ? value.toString() : '');

/** google.protobuf.Timestamp: seconds 1, nanos 2. */
function timeOf(value: Value | undefined): number | null {
  if (!Buffer.isBuffer(value)) return null;
  const read = new Map(fields(value));
  return Number(read.get(1) ?? 0) + Number(read.get(2) ?? 0) / 1e9;
}

type Value = bigint | Buffer;

/** The fields of a protobuf message; numbers of fixed size are passed over. A message cut short yields what is whole. */
function* fields(message: Buffer): Generator<[field: number, value: Value]> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; at < message.length; shift += 7n) {
      const byte = message.readUInt8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (at < message.length) {
    const key = Number(varint());
    const field = key >> 3;
    switch (key & 7) {
      case 0:
        yield [field, varint()];
        break;
      case 1:
        at += 8;
        break;
      case 2: {
        const length = Number(varint());
        yield [field, message.subarray(at, at + length)];
        at += length;
        break;
      }
      case 5:
        at += 4;
        break;
      default:
        return;
    }
  }
}
