import { Router } from 'express';
import { z } from 'zod';
import { agentLogId, testsLogId } from '../../model/ids.ts';
import type { Accepted } from '../../model/responses.ts';
import {
  globalRolloutRequestSchema,
  isClosed,
  type RolloutBody,
  rolloutBodySchema,
  rolloutIdSchema,
  rolloutStatuses,
} from '../../model/rollout.ts';
import type { DeploymentRow } from '../../store/deployments.ts';
import type { RolloutRow } from '../../store/rollouts.ts';
import { attaching } from '../attaching.ts';
import { organizationOf } from '../auth.ts';
import type { ApiDeps } from '../deps.ts';
import { type Effect, effectOf, ignoredBody, keyedBodyOf } from '../idempotency.ts';
import { pageQuery, queryOf, untilClosed, wholeNumber } from '../input.ts';
import { ensureKept } from '../kept-trace.ts';
import { streamLog } from '../log-stream.ts';
import { presentRollout, presentRolloutSummary } from '../present-rollout.ts';
import { notFound } from '../problems.ts';
import { cancelRollout } from '../rollout-cancel.ts';
import { startComparison, startRollout } from '../rollout-start.ts';
import { answerOf, throughOutages, waitForEnd, waitForPlace } from '../rollout-wait.ts';
import { logQuery } from './builds.ts';
import { findDeployment } from './deployments.ts';
import type { Request, Response } from 'express';

export const rolloutListQuery = z.object({
  ...pageQuery,
  deployment: z.string().optional().describe('Only those of this deployment, by id or name.'),
  status: z.enum(rolloutStatuses).optional().describe('Only those.'),
  comparison_id: rolloutIdSchema.optional().describe('Only those of this comparison.'),
});
export const rolloutLogQuery = z.object({
  ...logQuery,
  stream: z.enum(['agent', 'tests']).default('agent').describe('Whose output.'),
  attempt: wholeNumber(1, 1000).optional().describe('Of which attempt; absent: the last.'),
});

export function rolloutRoutes(deps: ApiDeps): Router {
  const { store } = deps;
  const unkeyed = attaching(deps);
  const router = Router();

  router.post('/deployments/:key/rollout', async (request, response) => {
    const deployment = await findDeployment(deps, organizationOf(response), request.params.key);
    await run(request, response, deployment, await keyedBodyOf(deps, request, response, rolloutBodySchema));
  });

  router.post('/rollout', async (request, response) => {
    const { body: whole, ...keyed } = await keyedBodyOf(deps, request, response, globalRolloutRequestSchema);
    const { deployment_id, ...body } = whole;
    const deployment = await findDeployment(deps, organizationOf(response), deployment_id);
    await run(request, response, deployment, { ...keyed, body });
  });

  router.get('/rollouts', async (request, response) => {
    const { deployment, comparison_id: comparison, ...query } = queryOf(request, rolloutListQuery);
    const organization = organizationOf(response);
    const deploymentId = deployment && (await findDeployment(deps, organization, deployment)).id;
    const rows = await store.rollouts.list(organization, { ...query, comparison, deploymentId });
    const rollouts = rows.map((row) => presentRolloutSummary(row));
    response.json({ rollouts, limit: query.limit, offset: query.offset });
  });

  router.get('/rollouts/:id', async (request, response) => {
    response.json(await presentRollout(store, await findRollout(deps, response, request.params.id)));
  });

  router.get('/rollouts/:id/logs', async (request, response) => {
    const { stream, attempt: named, follow, offset } = queryOf(request, rolloutLogQuery);
    const row = await findRollout(deps, response, request.params.id);
    ensureKept(row);
    const { id, attempt: last } = row;
    // Settled here: offsets count in one attempt's log, so an answer never goes over to another one's.
    const attempt = named ?? Math.max(1, last);
    const logOf = stream === 'agent' ? agentLogId : testsLogId;
    await streamLog(response, {
      logs: store.logs,
      logId: async () => logOf(id, attempt),
      isOver: async () => {
        if ((await store.attempts.find(id, attempt))?.endedAt) return true;
        return (await store.rollouts.find(id))?.closedAt !== null;
      },
      offset,
      follow,
      ending: deps.ending,
    });
  });

  router.post('/rollouts/:id/cancel', async (request, response) => {
    const row = await findRollout(deps, response, request.params.id);
    // A rollout ends once, so that nothing hangs on the key but that it is of this request.
    await effectOf(deps, request, response, ignoredBody);
    if (!isClosed(row.status)) await cancelRollout(deps, row);
    const now = (await store.rollouts.find(row.id)) ?? row;
    response.status(isClosed(now.status) ? 200 : 202).json(await presentRollout(store, now));
  });

  async function run(request: Request, response: Response, deployment: DeploymentRow, { body, text, effect }: Keyed) {
    const asynchronous = /(^|[\s,;])respond-async([\s,;]|$)/i.test(request.get('prefer') ?? '');
    const gone = untilClosed(response);
    const beforeNew = async () => {
      if (asynchronous) return;
      const generation = deployment.readyGeneration ?? deployment.generation;
      const { limits: needs } = await store.deployments.generation(deployment.id, generation);
      await waitForPlace(deps, { cpuCores: needs.cpu_cores, memoryMb: needs.memory_mb }, gone);
    };
    const isNamed = effect !== undefined || body.rollout_id !== undefined;
    const call = isNamed ? undefined : await unkeyed.attach(response, { deployment, body, text });
    // A repeat, under the same key or attached, is one under the same rollout_id.
    const { policies, ...one } = { ...body, rollout_id: body.rollout_id ?? effect?.id ?? call?.id };
    if (policies) {
      const { id, rows } = await startComparison(deps, deployment, { ...one, policies }, beforeNew);
      if (asynchronous) {
        const url = `/api/harbor/rollouts?comparison_id=${id}`;
        call?.resultFollows();
        return accept(response, url, { comparison_id: id, rollouts: rows.map(accepted), url });
      }
      const ended = await Promise.all(rows.map((row) => waitForEnd(deps, row.id, gone)));
      const closed = ended.filter((row) => row !== undefined);
      if (closed.length < rows.length) return;
      const rollouts = await throughOutages(() => Promise.all(closed.map((row) => presentRollout(store, row))), gone);
      call?.resultFollows();
      response.json({ comparison_id: id, rollouts });
      return;
    }
    const row = await startRollout(deps, deployment, one, beforeNew);
    if (asynchronous) {
      call?.resultFollows();
      return accept(response, rolloutUrl(row), accepted(row));
    }
    const ended = await waitForEnd(deps, row.id, gone);
    if (!ended) return;
    const { status, body: answer } = answerOf(await throughOutages(() => presentRollout(store, ended), gone));
    call?.resultFollows();
    response.status(status).json(answer);
  }

  return router;
}

interface Keyed {
  readonly body: RolloutBody;
  readonly text: string;
  readonly effect: Effect | undefined;
}

function accept(response: Response, location: string, body: object): void {
  response.status(202).set({ location, 'preference-applied': 'respond-async' }).json(body);
}

function accepted(row: RolloutRow): Accepted {
  return { id: row.id, rollout_id: row.id, status: row.status, url: rolloutUrl(row) };
}

function rolloutUrl({ id }: RolloutRow): string {
  return `/api/harbor/rollouts/${id}`;
}

export async function findRollout({ store }: ApiDeps, response: Response, id: string): Promise<RolloutRow> {
  const row = await store.rollouts.find(id);
  if (row?.organization !== organizationOf(response)) throw notFound(`Rollout ${id}`);
  return row;
}
