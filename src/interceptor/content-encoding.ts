import zlib from 'node:zlib';

/** Bytes that a body may unpack to; guards against those that blow up. */
const maxOutputLength = 256 * 1024 * 1024;

/** Ends what was cut off without a complaint: what can be read of it is returned. */
const lenient = { maxOutputLength, finishFlush: zlib.constants.Z_SYNC_FLUSH };

const decoders: Readonly<Record<string, (body: Buffer) => Buffer>> = {
  identity: (body) => body,
  gzip: (body) => zlib.gunzipSync(body, lenient),
  'x-gzip': (body) => zlib.gunzipSync(body, lenient),
  deflate: (body) => zlib.inflateSync(body, lenient),
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
