import { Context } from '@temporalio/activity';
import type { ActivityScope } from '../../src/activities/activity.ts';
import { reconcileBatch, turnBatch } from '../../src/activities/batch.ts';
import { steerBatch, tellBatch } from '../../src/activities/batch-steering.ts';
import type { ActivityDeps } from '../../src/activities/deps.ts';
import type { Activities } from '../../src/activities/index.ts';
import { noUsage } from '../../src/model/rollout.ts';
import { earnedOne, roomFor } from './rollout.ts';
import { activityDeps } from './activity-deps.ts';

type Idle =
  | 'provision'
  | 'runAgent'
  | 'evaluate'
  | 'teardown'
  | 'close'
  | 'turnBatch'
  | 'steerBatch'
  | 'reconcileBatch';

export interface IdleRollouts {
  readonly all: Pick<Activities, Idle>;
  /** How many worked at the same time at most. */
  readonly most: () => number;
}

/**
 * Rollouts that do nothing but close their row, on the real store and with the real activities of batches. With a `gate` the
 * agent works until it opens.
 */
export function idleRollouts(
  parts: Pick<ActivityDeps, 'store' | 'client' | 'provider'>,
  held: { readonly gate?: Promise<void> } = {},
): IdleRollouts {
  const { store } = parts;
  const deps = activityDeps(parts, { capacity: roomFor(1000) });
  let running = 0;
  let most = 0;
  const scope = (): ActivityScope => {
    const { cancellationSignal, info } = Context.current();
    return {
      signal: cancellationSignal,
      workflowId: info.workflowExecution?.workflowId ?? '',
      workflowRunId: info.workflowExecution?.runId ?? '',
      activityId: info.activityId,
      activityTry: info.attempt,
      scheduledAt: new Date(info.currentAttemptScheduledTimestampMs),
      taskQueue: info.taskQueue,
      report: () => undefined,
    };
  };
  return {
    most: () => most,
    all: {
      turnBatch: (request) => turnBatch(deps, request),
      steerBatch: (request) => steerBatch(deps, request),
      reconcileBatch: (request) => reconcileBatch(deps, request, scope()),
      async provision({ rolloutId }) {
        await store.rollouts.admit(rolloutId, scope(), roomFor(1000));
        return { organization: 'default', deployment: 'env', seed: 1, agent: 'codex', model: 'gpt', sandbox: 'box' };
      },
      async runAgent() {
        running += 1;
        most = Math.max(most, running);
        const { cancelled } = Context.current();
        const timer = setInterval(() => Context.current().heartbeat(), 500);
        try {
          await Promise.race([held.gate, cancelled]);
        } finally {
          clearInterval(timer);
          running -= 1;
        }
        return { exitCode: 0, failure: null, llmCalls: 0, peakMemoryMb: null, cpuSeconds: null, oomKills: null };
      },
      evaluate: async () => ({ reward: 1, rewards: { reward: 1 }, trust: 'quiesced', failure: null }),
      teardown: () => Promise.resolve(),
      async close({ rolloutId, failure, evaluation }) {
        const reward = evaluation?.reward ?? null;
        const status = reward === null ? (failure?.class === 'cancelled' ? 'cancelled' : 'failed') : 'completed';
        await store.rollouts.close(rolloutId, scope().workflowRunId, status, { ...earnedOne, reward, failure });
        await store.rollouts.release(rolloutId);
        const batchId = (await store.rollouts.find(rolloutId))?.batchId;
        if (batchId) await tellBatch(deps, batchId);
        return { rollout_id: rolloutId, status, reward, failure, usage: noUsage };
      },
    },
  };
}
