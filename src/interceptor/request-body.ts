import type { IncomingMessage } from 'node:http';

/** Bytes of a request's body. Conversations with images are large; providers take less than this. */
export const maxBodyBytes = 64 * 1024 * 1024;

/** `too-large`: it was not read to its end. `cut-off`: the client hung up before it had sent all of it. */
export type BodyOutcome = Buffer | 'too-large' | 'cut-off';

export function readBody(request: IncomingMessage): Promise<BodyOutcome> {
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) return Promise.resolve('too-large');
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    request.on('data', (piece: Buffer) => {
      bytes += piece.length;
      if (bytes > maxBodyBytes) resolve('too-large');
      else pieces.push(piece);
    });
    request.on('end', () => resolve(pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces)));
    request.on('error', () => resolve('cut-off'));
    request.on('close', () => resolve('cut-off'));
  });
}
