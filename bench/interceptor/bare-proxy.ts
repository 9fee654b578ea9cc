/** The program of a proxy that does nothing but pass on, as Node makes it: no record, no token, no guarantee. */
import { once } from 'node:events';
import { Agent, createServer, request as send } from 'node:http';
import { z } from 'zod';
import { parseJson } from '../../src/model/json.ts';

const { port: upstreamPort } = parseJson(process.argv[2] ?? '', z.object({ port: z.int() }), 'options');
const agent = new Agent({ keepAlive: true });

const server = createServer((request, response) => {
  const pieces: Buffer[] = [];
  request.on('data', (piece: Buffer) => pieces.push(piece));
  request.on('end', () => {
    const { method, url, headers } = request;
    const sent = send({ agent, host: '127.0.0.1', port: upstreamPort, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(response);
    });
    sent.end(Buffer.concat(pieces));
  });
});
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
process.stdout.write(
  `${JSON.stringify({ port: address !== null && typeof address === 'object' ? address.port : 0 })}\n`,
);
