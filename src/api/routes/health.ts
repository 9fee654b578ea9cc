import { Router } from 'express';
import type { ApiDeps } from '../deps.ts';
import { errorText } from '../../model/errors.ts';

/** Milliseconds for a part to say that it is well. */
const patienceMs = 3000;

/** What needs no key: what this is, whether the process lives, whether its parts answer. */
export function healthRoutes({ store, client, isDraining = () => false }: ApiDeps): Router {
  const router = Router();

  router.get('/', (_request, response) => {
    response.json({
      name: 'harbor',
      api: '/api/harbor',
      docs: '/docs',
      openapi: '/openapi.json',
      health: '/healthz',
      readiness: '/readyz',
    });
  });

  router.get('/healthz', (_request, response) => {
    response.json({ status: 'ok' });
  });

  router.get('/readyz', async (_request, response) => {
    const parts = {
      store: await verdict(() => store.apiKeys.organizationOf('')),
      temporal: await verdict(() => client.workflowService.getSystemInfo({})),
    };
    const ready = Object.values(parts).every((said) => said === 'ok') && !isDraining();
    response.status(ready ? 200 : 503).json({ status: ready ? 'ready' : 'not ready', ...parts });
  });

  return router;
}

async function verdict(ask: () => Promise<unknown>): Promise<string> {
  const late = new Promise<string>((resolve) => setTimeout(resolve, patienceMs, 'no answer in time').unref());
  return Promise.race([late, ask().then(() => 'ok', errorText)]);
}
