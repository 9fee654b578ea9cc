import { createServer } from 'node:http';
import { once } from 'node:events';
import { errorText, HarborError } from '../model/errors.ts';

/** Milliseconds for all parts to say that they are well. */
const patienceMs = 3000;

export interface HealthOptions {
  readonly host: string;
  readonly port: number;
  /** Rejects where the process cannot do its work now. */
  readonly check: () => Promise<unknown>;
}

/** `/healthz` and `/readyz` of a process that serves nothing else over HTTP. */
export async function serveHealth(
  { host, port, check }: HealthOptions,
  held: AsyncDisposableStack,
): Promise<{ readonly url: string }> {
  const server = createServer((request, response) => {
    const send = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (request.url === '/healthz') return send(200, { status: 'ok' });
    if (request.url !== '/readyz') return send(404, { detail: `There is no ${request.url} here.` });
    const late = new Promise<never>((_, reject) => {
      setTimeout(() => reject(new Error('no answer in time')), patienceMs).unref();
    });
    Promise.race([late, check()]).then(
      () => send(200, { status: 'ready' }),
      (error: unknown) => send(503, { status: 'not ready', detail: errorText(error) }),
    );
  });
  try {
    server.listen({ host, port });
    await once(server, 'listening');
  } catch (cause) {
    throw new HarborError('internal', `cannot listen on ${host}:${port}`, { cause, remedy: 'Set HARBOR_HEALTH_PORT.' });
  }
  held.defer(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  return { url: `http://${host}:${typeof address === 'object' && address ? address.port : port}` };
}
