import type { Client } from '@temporalio/client';
import { HarborError } from '../model/errors.ts';
import type { ActivityScope } from './activity.ts';

/**
 * What a try of an activity is to its workflow: the one that is waited for; `superseded` by a later one, which follows the
 * same command in the same sandbox; `over`, where the workflow itself has ended; `unknown` where Temporal does not say.
 */
export type Standing = 'current' | 'superseded' | 'over' | 'unknown';

/** Asked before a sandbox is stopped: a worker that was frozen or cut off may wake up beside its successor. */
export async function standingOf(client: Client, scope: ActivityScope): Promise<Standing> {
  try {
    const handle = client.workflow.getHandle(scope.workflowId, scope.workflowRunId);
    const { status, raw } = await handle.describe();
    if (status.name !== 'RUNNING') return 'over';
    const pending = raw.pendingActivities?.find(({ activityId }) => activityId === scope.activityId);
    return pending?.attempt === scope.activityTry ? 'current' : 'superseded';
  } catch {
    return 'unknown';
  }
}

/** Milliseconds within which no try is taken for dead: half of the shortest time that heartbeats may stay away. */
const surelyCurrentMs = 5_000;

/**
 * Before something that would harm a successor: throws `cancelled` where this worker slept so long that there may be one, and
 * there is, or the workflow itself has ended.
 */
export async function letGoIfLate(client: Client, scope: ActivityScope): Promise<void> {
  if (Date.now() - scope.scheduledAt.getTime() < surelyCurrentMs) return;
  const standing = await standingOf(client, scope);
  if (standing === 'current' || standing === 'unknown') return;
  throw new HarborError(
    'cancelled',
    `this try of ${scope.workflowId} came too late: the work goes on elsewhere, or is over`,
  );
}

/**
 * Whether an aborted activity has to end what it follows: somebody cancelled it, or its workflow is gone. Else it only
 * lets go, since the work goes on elsewhere: its worker shuts down, or Temporal took it for dead.
 */
export async function hasToStop(client: Client, scope: ActivityScope): Promise<boolean> {
  if (!isLetGo(scope.signal)) return scope.signal.aborted;
  return !isShutdown(scope.signal) && (await standingOf(client, scope)) === 'over';
}

/** Whether an aborted signal means anything else than that somebody cancelled. */
export function isLetGo(signal: AbortSignal): boolean {
  return signal.aborted && reasonOf(signal) !== 'CANCELLED';
}

/** Whether an aborted signal means that this worker goes, and the work itself goes on elsewhere. */
export function isShutdown(signal: AbortSignal): boolean {
  return signal.aborted && reasonOf(signal) === 'WORKER_SHUTDOWN';
}

/** The SDK's word for why it aborts. */
function reasonOf({ reason }: AbortSignal): string {
  return reason instanceof Error ? reason.message : '';
}
