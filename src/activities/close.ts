import type { CollectRequest, RolloutOutcome } from '../model/stages.ts';
import type { ActivityScope } from './activity.ts';
import { tellBatch } from './batch-steering.ts';
import type { ActivityDeps } from './deps.ts';
import { collect } from './result.ts';
import { mayClose, teardown } from './sandbox.ts';

/**
 * Ends a rollout for good: commits its result, removes its sandbox, gives its place back, and tells its batch. One activity, since
 * each costs its workflow six events. Whoever dies on the way is repeated: the result is written once, and the rest is as often
 * as it takes.
 */
export async function close(
  deps: ActivityDeps,
  request: CollectRequest,
  scope: ActivityScope,
): Promise<RolloutOutcome> {
  const { rolloutId, attempt, failure, agent } = request;
  const outcome = await collect(deps, request, scope);
  scope.report('the result is committed; removing the sandbox');
  await teardown(deps, { rolloutId, attempt, failure: failure ?? agent?.failure ?? null, final: true }, scope);
  const row = await deps.store.rollouts.find(rolloutId);
  if (row?.batchId && mayClose(row, scope.workflowRunId)) await tellBatch(deps, row.batchId);
  return outcome;
}
