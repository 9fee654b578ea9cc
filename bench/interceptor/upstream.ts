/** The program of a provider on loopback: says on stdout where it listens. */
import { once } from 'node:events';
import { type ServerResponse, createServer } from 'node:http';
import { z } from 'zod';
import { parseJson } from '../../src/model/json.ts';
import { chatAnswer, requestId, streamChunk, streamEnd } from './answers.ts';
import { Pacer } from './pacer.ts';

const requestSchema = z.object({
  bench: z.object({ chunks: z.int(), perSecond: z.number() }).optional(),
});

const pacers = new Map<number, Pacer>();

const server = createServer((request, response) => {
  const pieces: Buffer[] = [];
  request.on('data', (piece: Buffer) => pieces.push(piece));
  request.on('end', () => answer(Buffer.concat(pieces), response));
});
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
const port = address !== null && typeof address === 'object' ? address.port : 0;
process.stdout.write(`${JSON.stringify({ port })}\n`);

function answer(body: Buffer, response: ServerResponse): void {
  const id = requestId(body);
  const { bench } = parseJson(body.toString('utf8'), requestSchema);
  if (!bench) {
    const bytes = chatAnswer(id);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes.length });
    response.end(bytes);
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const { chunks, perSecond } = bench;
  if (perSecond > 0) {
    pace(response, id, chunks, perSecond);
    return;
  }
  for (let index = 0; index < chunks; index += 1) response.write(streamChunk(id, index));
  response.end(streamEnd);
}

function pace(response: ServerResponse, id: string, chunks: number, perSecond: number): void {
  const pacer = pacers.get(perSecond) ?? new Pacer(perSecond);
  pacers.set(perSecond, pacer);
  response.write(streamChunk(id, 0));
  let index = 1;
  pacer.add(() => {
    if (index < chunks && !response.destroyed) {
      response.write(streamChunk(id, index++));
      return true;
    }
    response.end(streamEnd);
    return false;
  });
}
