import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { WorkflowIdConflictPolicy } from '@temporalio/common';
import { Router } from 'express';
import { type GcReport, type GcRequest, gcRequestSchema } from '../../model/garbage.ts';
import { gcWorkflowId, taskQueue } from '../../model/ids.ts';
import type { ApiDeps } from '../deps.ts';
import { keyedBodyOf } from '../idempotency.ts';
import { unavailable } from '../problems.ts';

/** Milliseconds that a request is kept waiting. */
const patienceMs = 10_000;

type Gc = (request: GcRequest) => Promise<GcReport>;

/** What the server keeps and removes. */
export function gcRoutes(deps: ApiDeps): Router {
  const { client, logger } = deps;
  const router = Router();

  /** Answers when it is done, or that it is not; who comes meanwhile joins it. */
  router.post('/gc', async (request, response) => {
    const { body: asked } = await keyedBodyOf(deps, request, response, gcRequestSchema);
    const handle = await begin(asked);
    const enough = new AbortController();
    const report = await Promise.race([handle.result(), sleep(patienceMs, undefined, { signal: enough.signal })]);
    enough.abort();
    if (!report) throw unavailable('It is still at work, or no worker runs; the same request joins it');
    response.json(report);
  });

  async function begin(asked: GcRequest): Promise<WorkflowHandle<Gc>> {
    try {
      return await client.workflow.start<Gc>('gc', {
        taskQueue,
        workflowId: gcWorkflowId(asked.dry_run),
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
        args: [asked],
        staticSummary: asked.dry_run ? 'Tell what nobody needs' : 'Remove what nobody needs',
      });
    } catch (error) {
      logger.error({ err: error }, 'gc could not be started');
      throw unavailable('It could not be started: Temporal does not answer');
    }
  }

  return router;
}
