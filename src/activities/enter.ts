import { HarborError } from '../model/errors.ts';
import type { RolloutStatus } from '../model/rollout.ts';
import type { AttemptRef } from '../model/stages.ts';
import type { RolloutRow } from '../store/rollouts.ts';
import type { Store } from '../store/store.ts';
import type { ActivityScope } from './activity.ts';

/** Moves a rollout into a phase. Throws `cancelled` where it is further, closed, or another run's: nobody waits for this. */
export async function enter(
  { rollouts }: Store,
  { rolloutId, attempt }: AttemptRef,
  status: RolloutStatus,
  { workflowRunId }: ActivityScope,
): Promise<RolloutRow> {
  const row = await rollouts.enter(rolloutId, workflowRunId, status, attempt);
  if (row) return row;
  throw new HarborError(
    'cancelled',
    `rollout ${rolloutId} is further than attempt ${attempt}, ${status}; or it is closed, or another workflow run has it`,
  );
}
