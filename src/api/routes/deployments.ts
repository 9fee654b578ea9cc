import { Router } from 'express';
import { z } from 'zod';
import {
  buildDeploymentSchema,
  createDeploymentSchema,
  type DeploymentLimits,
  deploymentStatuses,
} from '../../model/deployment.ts';
import { invalid } from '../../model/errors.ts';
import { refuseHeldBackCopies } from '../../model/held-back.ts';
import { limits } from '../../model/limits.ts';
import { refuseSecretEnv, refuseSecrets } from '../../model/llm-keys.ts';
import type { DeploymentRow, RebuiltContent } from '../../store/deployments.ts';
import { organizationOf } from '../auth.ts';
import { buildInFlight, repeatedBuild, startBuild, startRebuild } from '../build-start.ts';
import type { ApiDeps } from '../deps.ts';
import { effectOf } from '../idempotency.ts';
import { pageQuery, queryOf } from '../input.ts';
import type { Intake } from '../intake/context.ts';
import { sizeText } from '../intake/refusal.ts';
import { presentBuild, presentDeployment, presentSummary } from '../present-deployment.ts';
import { conflict, notFound } from '../problems.ts';
import { type ReceivedUpload, storeContent, uploadReceiver } from '../uploads.ts';

export const deploymentListQuery = z.object({
  ...pageQuery,
  status: z.enum(deploymentStatuses).optional().describe('Only those.'),
  name: z.string().optional().describe('Only the one of this name.'),
});

export function deploymentRoutes(deps: ApiDeps): Router {
  const { store } = deps;
  const withUpload = uploadReceiver(deps.uploadsFolder);
  const router = Router();

  /** Answers 200, not 201: scripts around the existing client count on it. */
  router.post('/deployments', async (request, response) => {
    const organization = organizationOf(response);
    const { pending, warnings, repeatable } = await withUpload(
      request,
      response,
      createDeploymentSchema,
      async (upload) => {
        const { body } = upload;
        refuseSecretEnv(body.env_vars);
        const effect = await effectOf(deps, request, response, upload.sha256);
        const { content, intake } = await storeContent(store.blobs, upload, body.dockerfile ?? null);
        const settings = { ...body, limits: withTaskNeeds(body.limits, intake.limits) };
        const made = await store.deployments.create(organization, settings, content, effect?.id);
        if (!made) throw nameTaken(body.name);
        return { pending: made, warnings: intake.warnings, repeatable: effect !== undefined };
      },
    );
    await startBuild(deps, pending, repeatable);
    response.json(
      await presentDeployment(store, await findDeployment(deps, organization, pending.deployment.id), warnings),
    );
  });

  router.post('/deployments/:key/build', async (request, response) => {
    const deployment = await findDeployment(deps, organizationOf(response), request.params.key);
    const buildId = await withUpload(request, response, buildDeploymentSchema, async (upload) => {
      const effect = await effectOf(deps, request, response, upload.sha256);
      const repeated = await repeatedBuild(deps, deployment, effect);
      if (repeated !== undefined) return repeated;
      const content = await newContent(deps, deployment, upload);
      const running = content || upload.body.force ? undefined : await buildInFlight(deps, deployment, effect);
      return running ?? (await startRebuild(deps, deployment, content ?? {}, upload.body.force, effect));
    });
    const build = await store.deployments.build(buildId);
    response.json({ build_id: buildId, deployment_id: deployment.id, status: build?.status ?? 'pending' });
  });

  router.get('/deployments', async (request, response) => {
    const query = queryOf(request, deploymentListQuery);
    const rows = await store.deployments.list(organizationOf(response), query);
    response.json({ deployments: rows.map(presentSummary), limit: query.limit, offset: query.offset });
  });

  router.get('/deployments/:key', async (request, response) => {
    const row = await findDeployment(deps, organizationOf(response), request.params.key);
    response.json(await presentDeployment(store, row));
  });

  router.get('/deployments/:key/status', async (request, response) => {
    const row = await findDeployment(deps, organizationOf(response), request.params.key);
    const builds = await store.deployments.builds(row.id, limits.listPage[2]);
    response.json({ ...presentSummary(row), builds: builds.map(presentBuild) });
  });

  return router;
}

/** By id or name. */
export async function findDeployment({ store }: ApiDeps, organization: string, key: string): Promise<DeploymentRow> {
  const row = await store.deployments.find(organization, key);
  if (!row) throw notFound(`Deployment ${key}`);
  return row;
}

function nameTaken(name: string): Error {
  return conflict(
    `A deployment named ${name} exists`,
    `To change it, POST the new content to /api/harbor/deployments/${name}/build, or use \`harbor upload --replace\`.`,
  );
}

/** What a task says it needs is a floor under what the request grants. */
function withTaskNeeds(granted: DeploymentLimits, needs: Intake['limits']): DeploymentLimits {
  return {
    ...granted,
    cpu_cores: Math.max(granted.cpu_cores, Math.ceil(needs.cpuCores ?? 0)),
    memory_mb: Math.max(granted.memory_mb, needs.memoryMb ?? 0),
    disk_mb: Math.max(granted.disk_mb, needs.diskMb ?? 0),
  };
}

/** What a build request brings; undefined where it asks for what is stored. A Dockerfile alone goes with the stored context. */
async function newContent(
  { store }: ApiDeps,
  deployment: DeploymentRow,
  upload: ReceivedUpload<z.infer<typeof buildDeploymentSchema>>,
): Promise<RebuiltContent | undefined> {
  const { dockerfile } = upload.body;
  const stored = await store.deployments.generation(deployment.id, deployment.generation);
  if (upload.archivePath !== null) {
    const { content, intake } = await storeContent(store.blobs, upload, dockerfile ?? null, stored.dockerfile);
    return { ...content, limits: withTaskNeeds(stored.limits, intake.limits) };
  }
  if (dockerfile === null || dockerfile === undefined) return undefined;
  if (Buffer.byteLength(dockerfile) > limits.dockerfileBytes) {
    throw invalid('dockerfile', `is larger than ${sizeText(limits.dockerfileBytes)}`);
  }
  refuseSecrets(dockerfile);
  refuseHeldBackCopies(dockerfile, stored.layout, () => true);
  return { dockerfile };
}
