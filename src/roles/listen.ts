import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { HarborError } from '../model/errors.ts';

export interface ListenOptions {
  readonly host: string;
  /** Undefined: `usualPort`. 0: any free one. */
  readonly port: number | undefined;
  readonly usualPort: number;
  /** Whether a free port will do where the usual one is taken. */
  readonly mayMove: boolean;
  /** The variable that chooses the port. */
  readonly setting: string;
}

/** A synchronous rollout is answered after up to hours, so no timer of the server may cut its connection. */
export async function listen(
  listener: RequestListener,
  { host, port, usualPort, mayMove, setting }: ListenOptions,
): Promise<{ readonly server: Server; readonly url: string }> {
  const server = createServer({ requestTimeout: 0, keepAliveTimeout: 60_000 }, listener);
  const bound = await bind(server, { host, port: port ?? usualPort, mayMove: mayMove && port === undefined, setting });
  const shown = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return { server, url: `http://${shown.includes(':') ? `[${shown}]` : shown}:${bound}` };
}

interface Place {
  readonly host: string;
  readonly port: number;
  readonly mayMove: boolean;
  readonly setting: string;
}

async function bind(server: Server, { host, port, mayMove, setting }: Place): Promise<number> {
  try {
    server.listen({ host, port });
    await once(server, 'listening');
  } catch (error) {
    if (mayMove && port !== 0) return bind(server, { host, port: 0, mayMove: false, setting });
    throw new HarborError('internal', `cannot listen on ${host}:${port}`, {
      cause: error,
      remedy: `End what listens there, or set ${setting} to another port.`,
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
