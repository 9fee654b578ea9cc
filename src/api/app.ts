import express, { type Express, type RequestHandler } from 'express';
import { authenticate } from './auth.ts';
import type { ApiDeps } from './deps.ts';
import { readablePath } from './input.ts';
import { problemHandler, unknownRoute } from './problems.ts';
import { buildRoutes } from './routes/builds.ts';
import { deploymentRoutes } from './routes/deployments.ts';
import { healthRoutes } from './routes/health.ts';
import { instanceRoutes } from './routes/instances.ts';
import { rolloutEventRoutes } from './routes/rollout-events.ts';
import { rolloutFileRoutes } from './routes/rollout-files.ts';
import { rolloutRoutes } from './routes/rollouts.ts';

/** The HTTP API. */
export function createApi(deps: ApiDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(singleSlashes, readablePath);
  app.use(healthRoutes(deps));
  app.use(
    '/api/harbor',
    authenticate(deps.store.apiKeys),
    deploymentRoutes(deps),
    buildRoutes(deps),
    instanceRoutes(deps),
    rolloutRoutes(deps),
    rolloutEventRoutes(deps),
    rolloutFileRoutes(deps),
  );
  app.use(unknownRoute);
  app.use(problemHandler(deps.logger));
  return app;
}

/** A base address that ends in a slash makes the existing client ask for `//api/harbor/…`. */
const singleSlashes: RequestHandler = (request, _response, next) => {
  const [path = '', ...query] = request.url.split('?');
  request.url = [path.replaceAll(/\/{2,}/g, '/'), ...query].join('?');
  next();
};
