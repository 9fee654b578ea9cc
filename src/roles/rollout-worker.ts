import { createHmac } from 'node:crypto';
import type { NativeConnection } from '@temporalio/worker';
import type { Registry } from 'prom-client';
import type { ActivityDeps, AttemptGate } from '../activities/deps.ts';
import { createActivities } from '../activities/index.ts';
import { createEnsureToolbox } from '../agents/toolbox.ts';
import { openCache } from '../embedded/cache.ts';
import { silent } from '../embedded/progress.ts';
import { activityMeter } from '../metrics/activity-metrics.ts';
import { meteredRollouts } from '../metrics/rollout-metrics.ts';
import { measureWorker } from '../metrics/worker-metrics.ts';
import { activityLog } from './activity-log.ts';
import { type RunningWorker, startWorker } from './worker.ts';

/** Activities at once beside those of running rollouts: builds, closings, cancels. */
const spareSlots = 50;

export interface RolloutWorkerParts extends Omit<ActivityDeps, 'ensureToolbox' | 'interceptor' | 'unguessable'> {
  readonly gate: AttemptGate;
  readonly connection: NativeConnection;
  readonly env: NodeJS.ProcessEnv;
  readonly installationSecret: string;
  /** Gets what the worker measures of itself. */
  readonly metrics: Registry;
}

/** A worker for all that Harbor does, with what activities need beside the parts that its process has. */
export async function startRolloutWorker(parts: RolloutWorkerParts): Promise<RunningWorker> {
  const { gate, connection, env, installationSecret, metrics, ...deps } = parts;
  const activities = createActivities({
    ...deps,
    store: { ...deps.store, rollouts: meteredRollouts(deps.store.rollouts, metrics) },
    ensureToolbox: createEnsureToolbox({ cache: await openCache(env), env, progress: silent }),
    interceptor: gate,
    unguessable: (name) => createHmac('sha256', installationSecret).update(name).digest('hex').slice(0, 32),
  });
  const activitySlots = deps.capacity.running + spareSlots;
  const around = [activityMeter(metrics), activityLog(deps.logger)];
  const worker = await startWorker({ connection, activities, activitySlots, around });
  measureWorker(() => worker.load(), deps.capacity, metrics);
  return worker;
}
