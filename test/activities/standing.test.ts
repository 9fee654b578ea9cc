import { once } from 'node:events';
import type { WorkflowHandle } from '@temporalio/client';
import { expect, test } from 'vitest';
import { type ActivityScope, activity } from '../../src/activities/activity.ts';
import type { Activities } from '../../src/activities/index.ts';
import { hasToStop, standingOf } from '../../src/activities/standing.ts';
import { noUsage } from '../../src/model/rollout.ts';
import type { AgentOutcome, AttemptRef } from '../../src/model/stages.ts';
import { useWorkflows } from '../support/workflows.ts';

const workflows = useWorkflows();

const wellEnded: AgentOutcome = {
  exitCode: 0,
  failure: null,
  llmCalls: 0,
  peakMemoryMb: null,
  cpuSeconds: null,
  oomKills: null,
};

/** A rollout of which only the agent's part does anything. */
const withAgent = (runAgent: (scope: ActivityScope) => Promise<AgentOutcome>): Partial<Activities> => ({
  provision: async () => ({
    organization: 'default',
    deployment: 'env',
    seed: 1,
    agent: 'codex',
    model: 'gpt',
    sandbox: 'box',
  }),
  runAgent: activity((_: AttemptRef, scope) => runAgent(scope)),
  evaluate: async () => ({ reward: 1, rewards: { reward: 1 }, trust: 'quiesced', failure: null }),
  close: async ({ rolloutId }) => ({
    rollout_id: rolloutId,
    status: 'completed',
    reward: 1,
    failure: null,
    usage: noUsage,
  }),
  teardown: async () => {},
});

const start = (taskQueue: string) =>
  workflows().client.workflow.start('rollout', { taskQueue, workflowId: taskQueue, args: [{}] });

const aborted = async ({ signal }: ActivityScope): Promise<void> => {
  if (!signal.aborted) await once(signal, 'abort');
};

/** As a worker that is stopped by a signal: no heartbeat leaves it, no timer of it runs. */
function freeze(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** Longer than the heartbeats of the activity may stay away. */
const longMs = 13_000;

test('a worker that slept past its timeout lets go of what its successor follows', { timeout: 120_000 }, async () => {
  const { client } = workflows();
  const late = Promise.withResolvers<{ readonly standing: string; readonly stops: boolean }>();
  const first = Promise.withResolvers<string>();
  const successor = Promise.withResolvers<string>();
  const agent = async (scope: ActivityScope) => {
    if (scope.activityTry > 1) {
      await late.promise;
      successor.resolve(await standingOf(client, scope));
      return wellEnded;
    }
    first.resolve(await standingOf(client, scope));
    freeze(longMs);
    await aborted(scope);
    late.resolve({ standing: await standingOf(client, scope), stops: await hasToStop(client, scope) });
    throw new Error('late');
  };
  await workflows().run(withAgent(agent), async (queue) => (await start(queue)).result());
  expect(await late.promise).toEqual({ standing: 'superseded', stops: false });
  expect([await first.promise, await successor.promise]).toEqual(['current', 'current']);
});

test.each<[string, (handle: WorkflowHandle) => Promise<unknown>, (handle: WorkflowHandle) => Promise<unknown>]>([
  ['that is cancelled', (handle) => handle.cancel(), (handle) => handle.result()],
  ['whose workflow was terminated', (handle) => handle.terminate(), () => Promise.resolve()],
])('an activity %s stops what it follows', { timeout: 120_000 }, async (_how, end, afterwards) => {
  const begun = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<boolean>();
  const agent = async (scope: ActivityScope) => {
    begun.resolve();
    await aborted(scope);
    stopped.resolve(await hasToStop(workflows().client, scope));
    return wellEnded;
  };
  await workflows().run(withAgent(agent), async (queue) => {
    const handle = await start(queue);
    await begun.promise;
    await end(handle);
    expect(await stopped.promise).toBe(true);
    await afterwards(handle);
  });
});
