import { Router } from 'express';
import { z } from 'zod';
import { deploymentStatuses } from '../../model/deployment.ts';
import { createInstancesSchema } from '../../model/instance.ts';
import { limits } from '../../model/limits.ts';
import type { DeploymentRow } from '../../store/deployments.ts';
import { organizationOf } from '../auth.ts';
import { buildInFlight, repeatedBuild, startRebuild } from '../build-start.ts';
import type { ApiDeps } from '../deps.ts';
import { type Effect, effectOf, ignoredBody, keyedBodyOf } from '../idempotency.ts';
import { pageQuery, queryOf, wholeNumber } from '../input.ts';
import { countInstances, presentInstance, rowsOf } from '../present-instances.ts';
import { findDeployment } from './deployments.ts';

const [, most] = limits.instances;

/** All of them, unless a page is asked for: the existing client knows of no pages here. */
export const instanceListQuery = z.object({
  limit: wholeNumber(1, most).default(most).describe('How many at most.'),
  offset: pageQuery.offset,
  status: z.enum(deploymentStatuses).optional().describe('Only those; the counts are of all.'),
});

export function instanceRoutes(deps: ApiDeps): Router {
  const { store } = deps;
  const router = Router();

  router.post('/deployments/:key/instances/batch', async (request, response) => {
    const deployment = await findDeployment(deps, organizationOf(response), request.params.key);
    const { body } = await keyedBodyOf(deps, request, response, createInstancesSchema);
    const { count, start_seed } = body;
    const created = await store.instances.add(deployment.id, start_seed, count);
    response.json({ ...(await countInstances(store.instances, deployment)), created_count: created });
  });

  /** Answers at once: what has to be built is built behind it. */
  router.post('/deployments/:key/instances/build-all', async (request, response) => {
    const organization = organizationOf(response);
    const before = await findDeployment(deps, organization, request.params.key);
    const effect = await effectOf(deps, request, response, ignoredBody);
    const buildId = await buildWhereNeeded(before, effect);
    const counts = await countInstances(store.instances, await findDeployment(deps, organization, before.id));
    response.json({ ...counts, total_instances: counts.total, build_id: buildId });
  });

  router.get('/deployments/:key/instances', async (request, response) => {
    const { status, ...page } = queryOf(request, instanceListQuery);
    const deployment = await findDeployment(deps, organizationOf(response), request.params.key);
    const which = rowsOf(deployment, status);
    const rows = which ? await store.instances.list(deployment, { ...page, ...which }) : [];
    const counts = await countInstances(store.instances, deployment);
    response.json({ ...counts, instances: rows.map((row) => presentInstance(deployment, row)), ...page });
  });

  /** The build under way; else, where the last one failed, another try of what is stored. */
  async function buildWhereNeeded(deployment: DeploymentRow, effect: Effect | undefined): Promise<string | null> {
    const known = (await repeatedBuild(deps, deployment, effect)) ?? (await buildInFlight(deps, deployment, effect));
    if (known !== undefined || deployment.status !== 'failed') return known ?? null;
    return startRebuild(deps, deployment, {}, false, effect);
  }

  return router;
}
