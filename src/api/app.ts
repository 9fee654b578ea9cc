import express, { type Express, type RequestHandler, type Router } from 'express';
import { authenticate } from './auth.ts';
import type { ApiDeps } from './deps.ts';
import { readablePath } from './input.ts';
import { problemHandler } from './problems.ts';
import { batchEventRoutes } from './routes/batch-events.ts';
import { batchRoutes } from './routes/batches.ts';
import { buildRoutes } from './routes/builds.ts';
import { descriptionRoutes } from './routes/description.ts';
import { deploymentRoutes } from './routes/deployments.ts';
import { gcRoutes } from './routes/gc.ts';
import { healthRoutes } from './routes/health.ts';
import { instanceRoutes } from './routes/instances.ts';
import { rolloutEventRoutes } from './routes/rollout-events.ts';
import { rolloutFileRoutes } from './routes/rollout-files.ts';
import { rolloutRoutes } from './routes/rollouts.ts';
import { trajectoryRoutes } from './routes/trajectory.ts';
import { unknownRoute } from './unknown-route.ts';

/** The HTTP API. */
export function createApi(deps: ApiDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(singleSlashes, readablePath);
  app.use(openRouters(deps));
  app.use(keyedRoot, authenticate(deps.store.apiKeys), keyedRouters(deps));
  app.use(unknownRoute);
  app.use(problemHandler(deps.logger));
  return app;
}

/** Routes that need no key. */
export function openRouters(deps: ApiDeps): Router[] {
  return [healthRoutes(deps), descriptionRoutes()];
}

/** Below what path a key is asked for. */
export const keyedRoot = '/api/harbor';

export function keyedRouters(deps: ApiDeps): Router[] {
  return [
    deploymentRoutes(deps),
    buildRoutes(deps),
    instanceRoutes(deps),
    rolloutRoutes(deps),
    rolloutEventRoutes(deps),
    rolloutFileRoutes(deps),
    trajectoryRoutes(deps),
    gcRoutes(deps),
    batchRoutes(deps),
    batchEventRoutes(deps),
  ];
}

/** A base address that ends in a slash makes the existing client ask for `//api/harbor/…`. */
const singleSlashes: RequestHandler = (request, _response, next) => {
  const [path = '', ...query] = request.url.split('?');
  request.url = [path.replaceAll(/\/{2,}/g, '/'), ...query].join('?');
  next();
};
