import { Router } from 'express';
import { z } from 'zod';
import { limits } from '../../model/limits.ts';
import type { BuildRow } from '../../store/deployments.ts';
import { organizationOf } from '../auth.ts';
import type { ApiDeps } from '../deps.ts';
import { flag, pageQuery, queryOf, wholeNumber } from '../input.ts';
import { streamLog } from '../log-stream.ts';
import { presentBuild } from '../present-deployment.ts';
import { notFound } from '../problems.ts';
import { findDeployment } from './deployments.ts';

export const logQuery = { follow: flag.default(false), offset: wholeNumber(0, 2 ** 40).default(0) };

export function buildRoutes(deps: ApiDeps): Router {
  const { store } = deps;
  const router = Router();

  router.get('/deployments/:key/builds', async (request, response) => {
    const { limit } = queryOf(request, z.object(pageQuery));
    const deployment = await findDeployment(deps, organizationOf(response), request.params.key);
    const builds = await store.deployments.builds(deployment.id, Math.min(limit, limits.listPage[1]));
    response.json({ builds: builds.map(presentBuild) });
  });

  router.get('/deployments/:key/builds/:build', async (request, response) => {
    response.json(presentBuild(await find(organizationOf(response), request.params.key, request.params.build)));
  });

  router.get('/deployments/:key/builds/:build/logs', async (request, response) => {
    const { follow, offset } = queryOf(request, z.object(logQuery));
    const { id } = await find(organizationOf(response), request.params.key, request.params.build);
    const now = () => store.deployments.build(id);
    await streamLog(request, response, {
      logs: store.logs,
      logId: async () => (await now())?.logId ?? undefined,
      isOver: async () => (await now())?.endedAt !== null,
      offset,
      follow,
    });
  });

  async function find(organization: string, key: string, buildId: string): Promise<BuildRow> {
    const deployment = await findDeployment(deps, organization, key);
    const build = await store.deployments.build(buildId);
    if (build?.deploymentId !== deployment.id) throw notFound(`Build ${buildId}`);
    return build;
  }

  return router;
}
