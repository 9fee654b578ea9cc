const quote = 0x22;
const backslash = 0x5c;
const [openBracket, closeBracket] = [0x5b, 0x5d];
const [openBrace, closeBrace] = [0x7b, 0x7d];

/**
 * The texts of the objects in a JSON document's top-level lists, one after the other, as `{"calls": [{…}, {…}]}` comes
 * in: a trace of hundreds of megabytes is never held as a whole. What lies outside of such lists is passed over.
 */
export async function* listedObjects(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const path: number[] = [];
  let inString = false;
  let escaped = false;
  let pieces: Uint8Array[] | undefined;
  for await (const chunk of bytes) {
    let from = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at] ?? 0;
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === backslash) escaped = true;
        else if (byte === quote) inString = false;
      } else if (byte === quote) {
        inString = true;
      } else if (byte === openBrace || byte === openBracket) {
        if (byte === openBrace && path.length === 2 && path[1] === openBracket) {
          pieces = [];
          from = at;
        }
        path.push(byte);
      } else if (byte === closeBrace || byte === closeBracket) {
        path.pop();
        if (pieces && path.length === 2) {
          yield Buffer.concat([...pieces, chunk.subarray(from, at + 1)]).toString('utf8');
          pieces = undefined;
        }
      }
    }
    // The transport may use the chunk's memory again.
    pieces?.push(Buffer.from(chunk.subarray(from)));
  }
}
