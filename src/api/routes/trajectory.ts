import { once } from 'node:events';
import { Router } from 'express';
import type { CallRecord } from '../../model/call.ts';
import { type JsonObject, toJsonObject } from '../../model/json.ts';
import type { RolloutRow } from '../../store/rollouts.ts';
import { writeTrajectory } from '../../trace/atif/write-trajectory.ts';
import type { ApiDeps } from '../deps.ts';
import { ensureKept } from '../kept-trace.ts';
import { loadBodies } from '../trace-bodies.ts';
import { findRollout } from './rollouts.ts';

/** A rollout as a trajectory in the format ATIF, for trainers and viewers; of an open one, what there is so far. */
export function trajectoryRoutes(deps: ApiDeps): Router {
  const { store } = deps;
  const router = Router();

  /** Written step by step: with token ids it may be larger than memory. */
  router.get('/rollouts/:id/trajectory', async (request, response) => {
    const row = await findRollout(deps, response, request.params.id);
    ensureKept(row);
    const source = { calls: await store.calls.list(row.id), load: (call: CallRecord) => loadBodies(store.blobs, call) };
    const { id: rolloutId, agent, model } = row;
    const subject = { rolloutId, attempt: Math.max(1, row.attempt), agent, model, extra: describe(row) };
    for await (const text of writeTrajectory(subject, source)) {
      if (!response.headersSent) response.set('content-type', 'application/json; charset=utf-8');
      if (!response.write(text)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
      if (response.destroyed) return;
    }
    response.end();
  });

  return router;
}

function describe({ result, ...row }: RolloutRow): JsonObject {
  return toJsonObject({
    rollout_id: row.id,
    trace_correlation_id: row.traceCorrelationId,
    deployment: row.deploymentName,
    generation: row.generation,
    snapshot_id: row.snapshotName,
    seed: row.seed,
    status: row.status,
    reward: result?.reward ?? null,
    rewards: result?.rewards ?? null,
    trust: result?.trust ?? null,
    self_reported: result?.selfReported ?? false,
    failure: result?.failure ?? null,
  });
}
