import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { HarborError } from '../model/errors.ts';

/** Where the existing Python client looks for its server when it is told nothing. */
const usualPort = 8000;

/**
 * Listens where it is told; where nothing is told, on the usual port or, if another program has that, on a free one. A
 * synchronous rollout is answered after up to hours, so no timer of the server may cut its connection.
 */
export async function listen(
  listener: RequestListener,
  { host, port }: { readonly host: string; readonly port: number | undefined },
): Promise<{ readonly server: Server; readonly url: string }> {
  const server = createServer({ requestTimeout: 0, keepAliveTimeout: 60_000 }, listener);
  const bound = await bind(server, host, port ?? usualPort, port === undefined);
  const shown = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return { server, url: `http://${shown.includes(':') ? `[${shown}]` : shown}:${bound}` };
}

async function bind(server: Server, host: string, port: number, mayMove: boolean): Promise<number> {
  try {
    server.listen({ host, port });
    await once(server, 'listening');
  } catch (error) {
    if (mayMove && port !== 0) return bind(server, host, 0, false);
    throw new HarborError('internal', `cannot listen on ${host}:${port}`, {
      cause: error,
      remedy: 'End what listens there, or set HARBOR_PORT to another port.',
    });
  }
  const address = server.address();
  return typeof address === 'object' && address ? address.port : port;
}

/** Open answers are cut: the callers come back and find their rollouts by id. */
export function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
