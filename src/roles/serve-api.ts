import express from 'express';
import type { Registry } from 'prom-client';
import { createApi } from '../api/app.ts';
import type { ApiDeps } from '../api/deps.ts';
import type { Config } from '../config.ts';
import { measureRequests } from '../metrics/http-metrics.ts';
import { closed, listen } from './listen.ts';

/** Where the existing Python client looks for its server when it is told nothing. */
const usualPort = 8000;

export interface ApiServing {
  readonly config: Config;
  readonly deps: ApiDeps;
  readonly metrics: Registry;
}

/** The API, measured, until `held` lets go of it. */
export async function serveApi(
  { config: { host, port }, deps, metrics }: ApiServing,
  held: AsyncDisposableStack,
): Promise<{ readonly url: string }> {
  const app = express();
  app.disable('x-powered-by');
  app.use(measureRequests(metrics), createApi(deps));
  const { server, url } = await listen(app, { host, port, usualPort, mayMove: true, setting: 'HARBOR_PORT' });
  // Callers whose answers are cut come back and find their rollouts by id, at another process.
  held.defer(() => closed(server));
  return { url };
}
