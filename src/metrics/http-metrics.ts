import type { RequestHandler } from 'express';
import { Histogram, type Registry } from 'prom-client';
import { gauge, longSeconds } from './metrics.ts';

/** Goes before all routes. A route is known by its pattern: what stands in its place for an id would be without end. */
export function measureRequests(registry: Registry): RequestHandler {
  const registers = [registry];
  const open = gauge({
    name: 'harbor_http_requests_open',
    help: 'Requests whose answer is not complete: rollouts that are waited for and streams of events among them.',
    registers,
  });
  const seconds = new Histogram({
    name: 'harbor_http_request_seconds',
    help: 'From request to the end of its answer. status: its class, or aborted where the caller went first.',
    labelNames: ['method', 'route', 'status'],
    buckets: longSeconds,
    registers,
  });
  return (request, response, next) => {
    const startedAt = performance.now();
    open.inc();
    response.once('close', () => {
      open.dec();
      const status = response.writableFinished ? `${Math.floor(response.statusCode / 100)}xx` : 'aborted';
      const method = methods.has(request.method) ? request.method : 'other';
      seconds.observe({ method, route: routeOf(request), status }, (performance.now() - startedAt) / 1000);
    });
    next();
  };
}

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

function routeOf(request: Parameters<RequestHandler>[0]): string {
  const route: unknown = request.route;
  const path = typeof route === 'object' && route !== null && 'path' in route ? route.path : undefined;
  return typeof path === 'string' ? `${request.baseUrl}${path}` : 'none';
}
