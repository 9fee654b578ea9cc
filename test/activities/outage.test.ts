import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { activity } from '../../src/activities/activity.ts';
import { HarborError } from '../../src/model/errors.ts';
import { type Failure, failures } from '../../src/model/failures.ts';
import { noUsage } from '../../src/model/rollout.ts';
import type { CollectRequest, ProvisionRequest } from '../../src/model/stages.ts';
import { useWorkflows } from '../support/workflows.ts';

const workflows = useWorkflows();

/** More tries than a fault of our own gets. */
const manyTries = 6;

const nobodyThere = () => once(connect({ path: '/nowhere/server.sock' }), 'connect');
const engine = (outage: 'away' | 'broke-off') => () =>
  Promise.reject(new HarborError('sandbox_failed', 'could not reach the engine', { outage }));

/** Runs a rollout whose first activity meets `trouble` for so many tries; returns the attempts made, and what it failed of. */
async function story(
  trouble: () => Promise<unknown>,
  tries: number,
): Promise<{ attempt: number; failure: Failure | null }> {
  let seen: CollectRequest | undefined;
  const activities = {
    provision: activity(async (_: ProvisionRequest, { activityTry }) => {
      if (activityTry <= tries) await trouble();
      return { organization: 'default', deployment: 'env', seed: 1, agent: 'codex', model: 'gpt', sandbox: 'box' };
    }),
    runAgent: async () => ({
      exitCode: 0,
      failure: null,
      llmCalls: 0,
      peakMemoryMb: null,
      cpuSeconds: null,
      oomKills: null,
    }),
    evaluate: async () => ({ reward: 1, rewards: { reward: 1 }, trust: 'quiesced' as const, failure: null }),
    close: async (request: CollectRequest) => {
      seen = request;
      return { rollout_id: request.rolloutId, status: 'completed' as const, reward: 1, failure: null, usage: noUsage };
    },
    teardown: async () => {},
  };
  await workflows().run(activities, async (taskQueue) => {
    await workflows().client.workflow.execute('rollout', { taskQueue, workflowId: taskQueue, args: [{}] });
  });
  if (!seen) throw new Error('nothing was collected');
  return { attempt: seen.attempt, failure: seen.failure };
}

test.concurrent('a part that is away is waited for, and no attempt is used up', { timeout: 180_000 }, async () => {
  const stories = await Promise.all([story(nobodyThere, manyTries), story(engine('away'), manyTries)]);
  expect(stories).toEqual([
    { attempt: 1, failure: null },
    { attempt: 1, failure: null },
  ]);
});

test.concurrent(
  'one that breaks off each time is given up, as it may be for what is asked of it',
  { timeout: 180_000 },
  async () => {
    const { failure, attempt } = await story(engine('broke-off'), manyTries);
    expect([failure?.class, attempt]).toEqual(['sandbox_failed', failures.sandbox_failed.attempts]);
  },
);
