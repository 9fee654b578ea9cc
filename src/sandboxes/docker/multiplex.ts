import type { Duplex } from 'node:stream';

const headerBytes = 8;
const stderr = 2;

/**
 * The stdout of an attached exec, in pieces as they come. The engine sends stdout and stderr over one connection, in
 * frames: a byte for the stream, three of padding, four for the length (big endian). Ends alike where the connection
 * ends, breaks or is destroyed: whether the command did is for others to find out.
 */
export async function* readStdout(connection: Duplex, onStderr: (piece: Buffer) => void): AsyncGenerator<Buffer> {
  let header = Buffer.alloc(0);
  let left = 0;
  try {
    for await (const chunk of connection) {
      let rest: Buffer = chunk;
      while (rest.length > 0) {
        if (left === 0) {
          const missing = headerBytes - header.length;
          header = Buffer.concat([header, rest.subarray(0, missing)]);
          rest = rest.subarray(missing);
          if (header.length < headerBytes) break;
          left = header.readUInt32BE(4);
          if (left === 0) header = Buffer.alloc(0);
          continue;
        }
        const piece = rest.subarray(0, left);
        rest = rest.subarray(piece.length);
        left -= piece.length;
        const isStderr = header[0] === stderr;
        if (left === 0) header = Buffer.alloc(0);
        if (isStderr) onStderr(piece);
        else yield piece;
      }
    }
  } catch {
    // Broken: an end like any other.
  } finally {
    connection.destroy();
  }
}
