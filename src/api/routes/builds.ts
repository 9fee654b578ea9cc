import { type Request, type Response, Router } from 'express';
import { z } from 'zod';
import type { BuildRow } from '../../store/deployments.ts';
import { organizationOf } from '../auth.ts';
import type { ApiDeps } from '../deps.ts';
import { flag, pageQuery, queryOf, wholeNumber } from '../input.ts';
import { streamLog } from '../log-stream.ts';
import { presentBuild } from '../present-deployment.ts';
import { notFound } from '../problems.ts';
import { findDeployment } from './deployments.ts';

export const buildListQuery = z.object(pageQuery);
export const logQuery = {
  follow: flag.default(false).describe('Go on as it grows, until it is closed.'),
  offset: wholeNumber(0, 2 ** 40)
    .default(0)
    .describe('Bytes to pass over.'),
};
export const buildLogQuery = z.object(logQuery);

export function buildRoutes(deps: ApiDeps): Router {
  const { store } = deps;
  const router = Router();

  router.get('/deployments/:key/builds', async (request, response) => {
    const { limit, offset } = queryOf(request, buildListQuery);
    const deployment = await findDeployment(deps, organizationOf(response), request.params.key);
    const builds = (await store.deployments.builds(deployment.id, offset + limit)).slice(offset);
    response.json({ builds: builds.map(presentBuild), limit, offset });
  });

  router.get('/deployments/:key/builds/:build', async (request, response) => {
    response.json(presentBuild(await findOf(response, request.params.key, request.params.build)));
  });

  router.get('/deployments/:key/builds/:build/logs', async (request, response) => {
    await sendLog(request, response, await findOf(response, request.params.key, request.params.build));
  });

  router.get('/builds/:build', async (request, response) => {
    response.json(presentBuild(await find(response, request.params.build)));
  });

  router.get('/builds/:build/logs', async (request, response) => {
    await sendLog(request, response, await find(response, request.params.build));
  });

  async function findOf(response: Response, key: string, buildId: string): Promise<BuildRow> {
    const deployment = await findDeployment(deps, organizationOf(response), key);
    const build = await store.deployments.build(buildId);
    if (build?.deploymentId !== deployment.id) throw notFound(`Build ${buildId}`);
    return build;
  }

  /** Its deployment says whose it is. */
  async function find(response: Response, buildId: string): Promise<BuildRow> {
    const build = await store.deployments.build(buildId);
    const owner = build && (await store.deployments.find(organizationOf(response), build.deploymentId));
    if (owner === undefined || owner.id !== build?.deploymentId) throw notFound(`Build ${buildId}`);
    return build;
  }

  async function sendLog(request: Pick<Request, 'query'>, response: Response, { id }: BuildRow): Promise<void> {
    const { follow, offset } = queryOf(request, buildLogQuery);
    const now = () => store.deployments.build(id);
    await streamLog(response, {
      logs: store.logs,
      logId: async () => (await now())?.logId ?? undefined,
      isOver: async () => (await now())?.endedAt !== null,
      offset,
      follow,
      ending: deps.ending,
    });
  }

  return router;
}
