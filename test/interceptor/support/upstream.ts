import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { onTestFinished } from 'vitest';

export interface UpstreamRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface TestUpstream {
  readonly baseUrl: string;
  /** What it was asked, in the order in which it came. */
  readonly requests: readonly UpstreamRequest[];
}

/** A provider's API on loopback, which answers as the test says. */
export async function startUpstream(
  answer: (response: ServerResponse, request: UpstreamRequest) => void | Promise<void>,
): Promise<TestUpstream> {
  const requests: UpstreamRequest[] = [];
  const server = createServer((incoming, response) => {
    const pieces: Buffer[] = [];
    incoming.on('data', (piece: Buffer) => pieces.push(piece));
    incoming.on('end', () => {
      const { method = '', url = '', headers } = incoming;
      const request = { method, url, headers, body: Buffer.concat(pieces) };
      requests.push(request);
      void answer(response, request);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the upstream has no port');
  return { baseUrl: `http://127.0.0.1:${address.port}/v1`, requests };
}

export function sendText(response: ServerResponse, text: string, contentType = 'application/json', status = 200): void {
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}
