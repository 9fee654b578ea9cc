import zlib from 'node:zlib';

/** Bytes that a body may unpack to; guards against those that blow up. */
const maxOutputLength = 256 * 1024 * 1024;

/** Ends what was cut off without a complaint: what can be read of it is returned. */
const lenient = { maxOutputLength, finishFlush: zlib.constants.Z_SYNC_FLUSH };

const decoders: Readonly<Record<string, (body: Buffer) => Buffer>> = {
  identity: (body) => body,
  gzip: (body) => zlib.gunzipSync(body, lenient),
  'x-gzip': (body) => zlib.gunzipSync(body, lenient),
  // Named after a format whose header some senders leave out (RFC 9110 §8.4.1.2).
  deflate: (body) => (hasZlibHeader(body) ? zlib.inflateSync(body, lenient) : zlib.inflateRawSync(body, lenient)),
  br: (body) =>
    zlib.brotliDecompressSync(body, { maxOutputLength, finishFlush: zlib.constants.BROTLI_OPERATION_FLUSH }),
  zstd: (body) => zlib.zstdDecompressSync(body, { maxOutputLength, finishFlush: zlib.constants.ZSTD_e_flush }),
};

/** A body as text. Undefined where its encoding is unknown or it does not unpack. */
export function decodeBody(body: Buffer, encoding: string | null): string | undefined {
  const decode = decoders[encoding?.trim().toLowerCase() || 'identity'];
  try {
    return decode?.(body).toString('utf8');
  } catch {
    // It is what its sender says it is not; that is for its receiver to judge.
    return undefined;
  }
}

/** A body whose encoding nobody told, as text: most are known by how they begin, and what remains is brotli. */
export function decodeUnlabelled(body: Buffer): string | undefined {
  if (body.length < 4) return undefined;
  if (body.readUInt16BE(0) === 0x1f8b) return decodeBody(body, 'gzip');
  if (body.readUInt32BE(0) === 0x28b52ffd) return decodeBody(body, 'zstd');
  return decodeBody(body, hasZlibHeader(body) ? 'deflate' : 'br');
}

/** RFC 1950 §2.2: the method is deflate, and the first two bytes as a number are a multiple of 31. */
function hasZlibHeader(body: Buffer): boolean {
  return body.length >= 2 && (body.readUInt8(0) & 0x0f) === 8 && body.readUInt16BE(0) % 31 === 0;
}
