import type { ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import { errorText } from '../model/errors.ts';
import { closed, listen } from './listen.ts';

/** Milliseconds for all parts to say that they are well. */
const patienceMs = 3000;

export interface HealthOptions {
  readonly host: string;
  /** Undefined: `usualPort`. */
  readonly port: number | undefined;
  readonly usualPort: number;
  /** Whether another port will do where the usual one is taken. */
  readonly mayMove?: boolean;
  /** Rejects where the process cannot do its work now. */
  readonly check: () => Promise<unknown>;
  readonly metrics: Registry;
}

/** `/healthz`, `/readyz` and `/metrics` of a process, apart from what it serves: they are for who runs it. */
export async function serveHealth(
  { host, port, usualPort, mayMove = false, check, metrics }: HealthOptions,
  held: AsyncDisposableStack,
): Promise<{ readonly url: string }> {
  const { server, url } = await listen(
    (request, response) => {
      if (request.url === '/healthz') return sendJson(response, 200, { status: 'ok' });
      if (request.url === '/metrics') return void sendMetrics(response, metrics);
      if (request.url === '/readyz') return void sendReadiness(response, check);
      sendJson(response, 404, { detail: `There is no ${request.url} here.` });
    },
    { host, port, usualPort, mayMove, setting: 'HARBOR_HEALTH_PORT' },
  );
  held.defer(() => closed(server));
  return { url };
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function sendReadiness(response: ServerResponse, check: () => Promise<unknown>): Promise<void> {
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error('no answer in time')), patienceMs).unref();
  });
  await Promise.race([late, check()]).then(
    () => sendJson(response, 200, { status: 'ready' }),
    (error: unknown) => sendJson(response, 503, { status: 'not ready', detail: errorText(error) }),
  );
}

async function sendMetrics(response: ServerResponse, metrics: Registry): Promise<void> {
  await metrics.metrics().then(
    (text) => response.writeHead(200, { 'content-type': metrics.contentType }).end(text),
    (error: unknown) => sendJson(response, 500, { detail: errorText(error) }),
  );
}
