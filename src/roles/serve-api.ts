import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import type { Registry } from 'prom-client';
import { createApi } from '../api/app.ts';
import type { ApiDeps } from '../api/deps.ts';
import type { Config } from '../config.ts';
import { measureRequests } from '../metrics/http-metrics.ts';
import { drainServer } from './drain.ts';
import { listen } from './listen.ts';

/** Where the existing Python client looks for its server when it is told nothing. */
const usualPort = 8000;

/** Milliseconds that a process which ends waits for a store that may be away. */
const partingMs = 3000;

export interface ApiServing {
  readonly config: Config;
  readonly deps: ApiDeps;
  readonly metrics: Registry;
  /** Milliseconds that open answers get when it ends, unless `hurry` comes. */
  readonly graceMs: number;
  readonly hurry: AbortSignal;
}

/**
 * The API, measured, until `held` lets go of it. Then streams that go on elsewhere end at once, and callers who wait for the
 * end of a rollout have their answer in time, or find the rollout by id at another process.
 */
export async function serveApi(
  { config: { host, port }, deps, metrics, graceMs, hurry }: ApiServing,
  held: AsyncDisposableStack,
): Promise<{ readonly url: string }> {
  const app = express();
  app.disable('x-powered-by');
  const ending = new AbortController();
  app.use(measureRequests(metrics));
  app.use((_request, response, next) => {
    if (deps.isDraining?.()) response.set('connection', 'close');
    next();
  });
  const openCalls = new Set<Promise<void>>();
  app.use(createApi({ ...deps, ending: ending.signal, openCalls }));
  const { server, url } = await listen(app, { host, port, usualPort, mayMove: true, setting: 'HARBOR_PORT' });
  held.defer(async () => {
    ending.abort();
    await drainServer(server, graceMs, hurry);
    await atMost(partingMs, Promise.all(openCalls));
  });
  return { url };
}

async function atMost(milliseconds: number, work: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  await Promise.race([work, sleep(milliseconds, undefined, { signal: over.signal }).catch(() => {})]);
  over.abort();
}
