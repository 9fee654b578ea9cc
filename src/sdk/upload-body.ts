import { createReadStream } from 'node:fs';
import { errorText, HarborError } from '../model/errors.ts';

/** Bytes read at once: a multiple of three, so that pieces of base64 need no padding between them. */
const chunkBytes = 3 * 64 * 1024;

/**
 * The JSON text of `fields` with a file's content as base64 in `context_tar_base64`, in pieces: the file is never held
 * in memory. null: the field is null.
 */
export async function* uploadBody(fields: object, archive: string | null): AsyncGenerator<Uint8Array> {
  const text = JSON.stringify({ ...fields, context_tar_base64: archive === null ? null : '' });
  if (archive === null) {
    yield Buffer.from(text);
    return;
  }
  // The field comes last, so its empty value and the closing brace end the text.
  yield Buffer.from(text.slice(0, -2));
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of contentOf(archive)) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    const whole = bytes.length - (bytes.length % 3);
    yield Buffer.from(bytes.toString('base64', 0, whole));
    rest = bytes.subarray(whole);
  }
  yield Buffer.from(`${rest.toString('base64')}"}`);
}

async function* contentOf(file: string): AsyncGenerator<Buffer> {
  try {
    const chunks: AsyncIterable<Buffer> = createReadStream(file, { highWaterMark: chunkBytes });
    yield* chunks;
  } catch (error) {
    const message = `the packed context cannot be read: ${errorText(error)}`;
    throw new HarborError('internal', message, { cause: error, remedy: 'Send it again.' });
  }
}
