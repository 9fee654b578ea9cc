import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { describe, expect, test } from 'vitest';
import { activity } from '../../src/activities/activity.ts';
import type { Activities } from '../../src/activities/index.ts';
import { HarborError } from '../../src/model/errors.ts';
import { type FailureClass, failures } from '../../src/model/failures.ts';
import { noUsage } from '../../src/model/rollout.ts';
import type { AgentOutcome, CollectRequest, ProvisionRequest, RolloutOutcome } from '../../src/model/stages.ts';
import { useWorkflows } from '../support/workflows.ts';

const workflows = useWorkflows();

const wellEnded: AgentOutcome = {
  exitCode: 0,
  failure: null,
  llmCalls: 1,
  peakMemoryMb: null,
  cpuSeconds: null,
  oomKills: null,
};

/** Activities that do nothing but say what they were asked, in order. */
function recorded(overrides: Partial<Activities> = {}): { activities: Activities; calls: string[] } {
  const calls: string[] = [];
  const said = (what: string) => void calls.push(what);
  const activities: Activities = {
    async provision({ attempt }) {
      said(`provision ${attempt}`);
      return { organization: 'default', deployment: 'env', seed: 1, agent: 'codex', model: 'gpt', sandbox: 'box' };
    },
    async runAgent({ attempt }) {
      said(`agent ${attempt}`);
      return wellEnded;
    },
    async evaluate({ attempt }) {
      said(`evaluate ${attempt}`);
      return { reward: 1, rewards: { reward: 1 }, trust: 'quiesced', failure: null };
    },
    async teardown({ attempt, failure, final }) {
      said(`teardown ${attempt} ${failure?.class ?? 'well'} ${final ? 'for good' : 'for another'}`);
    },
    async close(request) {
      said(`close ${request.attempt} ${(request.failure ?? request.agent?.failure)?.class ?? 'well'}`);
      return outcomeOf(request);
    },
    prepareBuild: () => Promise.reject(new Error('not asked for')),
    joinBuild: () => Promise.reject(new Error('not asked for')),
    buildSnapshot: () => Promise.reject(new Error('not asked for')),
    endBuild: () => Promise.reject(new Error('not asked for')),
    reconcile: () => Promise.resolve(0),
    collectGarbage: () => Promise.reject(new Error('not asked for')),
    sweep: () => Promise.resolve(0),
    turnBatch: () => Promise.reject(new Error('not asked for')),
    steerBatch: () => Promise.reject(new Error('not asked for')),
    reconcileBatch: () => Promise.reject(new Error('not asked for')),
  };
  return { activities: { ...activities, ...overrides }, calls };
}

function outcomeOf({ rolloutId, failure, evaluation }: CollectRequest): RolloutOutcome {
  const reward = evaluation?.reward ?? null;
  const status = reward !== null ? 'completed' : failure?.class === 'cancelled' ? 'cancelled' : 'failed';
  return { rollout_id: rolloutId, status, reward, failure, usage: noUsage };
}

async function start(taskQueue: string, input: object = {}) {
  return workflows().client.workflow.start<(input: object) => Promise<RolloutOutcome>>('rollout', {
    taskQueue,
    workflowId: taskQueue,
    args: [input],
  });
}

const failing = (failureClass: FailureClass): Partial<Activities> => ({
  async runAgent() {
    return { ...wellEnded, failure: { class: failureClass, message: 'as asked' } };
  },
});

describe('a rollout', () => {
  test('is provisioned, worked on, judged, committed, torn down', async () => {
    const { activities, calls } = recorded();
    const outcome = await workflows().run(activities, async (queue) => (await start(queue)).result());
    expect(outcome).toMatchObject({ status: 'completed', reward: 1 });
    expect(calls).toEqual(['provision 1', 'agent 1', 'evaluate 1', 'close 1 well']);
  });

  test('bears the id that its input chose, else that of its first run', async () => {
    const { activities } = recorded();
    await workflows().run(activities, async (queue) => {
      expect(await (await start(queue, { rollout_id: 'chosen' })).result()).toMatchObject({ rollout_id: 'chosen' });
    });
    await workflows().run(activities, async (queue) => {
      const handle = await start(queue);
      expect(await handle.result()).toMatchObject({ rollout_id: handle.firstExecutionRunId });
    });
  });

  test(
    'is provisioned when the provider has room, however often that says to come later',
    { timeout: 120_000 },
    async () => {
      let looks = 0;
      const { activities, calls } = recorded();
      const provision = activity(async (request: ProvisionRequest) => {
        looks += 1;
        if (looks <= 6) throw new HarborError('capacity', 'too many requests', { retryAfterSeconds: 0.1 });
        return activities.provision(request);
      });
      const outcome = await workflows().run({ ...activities, provision }, async (queue) =>
        (await start(queue)).result(),
      );
      expect(outcome).toMatchObject({ status: 'completed', reward: 1 });
      expect([looks, calls[0]]).toEqual([7, 'provision 1']);
    },
  );

  test('fails as a workflow where its input was refused, and for no other reason', async () => {
    const { activities, calls } = recorded({
      provision: () => Promise.reject(ApplicationFailure.nonRetryable('seed: is missing', 'invalid_request')),
    });
    await workflows().run(activities, async (queue) => {
      await expect((await start(queue)).result()).rejects.toMatchObject({
        cause: { type: 'invalid_request', message: 'seed: is missing' },
      });
    });
    expect(calls).toEqual(['close 1 invalid_request']);
  });
});

describe.concurrent('an agent phase that ends with', () => {
  test.each(Object.entries(failures))('%s', { timeout: 60_000 }, async (name, row) => {
    const failure = Object.keys(failures).find((key): key is FailureClass => key === name) ?? 'internal';
    const { activities, calls } = recorded(failing(failure));
    const reward = await workflows().run(activities, async (queue) =>
      (await start(queue)).result().then(
        (outcome) => outcome.reward,
        () => null,
      ),
    );
    const attempts = Array.from({ length: row.attempts }, (_, index) => index + 1);
    expect(calls.filter((call) => call.startsWith('provision'))).toEqual(attempts.map((at) => `provision ${at}`));
    expect(calls.filter((call) => call.startsWith('evaluate'))).toEqual(row.scored ? ['evaluate 1'] : []);
    expect(calls.filter((call) => call.startsWith('teardown'))).toEqual(
      attempts.slice(1).map((_, index) => `teardown ${index + 1} ${name} for another`),
    );
    expect(calls.filter((call) => call.startsWith('close'))).toEqual([`close ${row.attempts} ${name}`]);
    expect(reward).toBe(row.scored ? 1 : null);
  });
});

describe('a cancelled rollout', () => {
  test('waits until the agent has really ended, then keeps what is there', async () => {
    let working = (): void => undefined;
    const atWork = new Promise<void>((resolve) => (working = resolve));
    const { activities, calls } = recorded({
      async runAgent() {
        const { cancellationSignal, heartbeat } = Context.current();
        const timer = setInterval(() => heartbeat(), 100);
        working();
        await once(cancellationSignal, 'abort');
        clearInterval(timer);
        await sleep(500);
        calls.push('agent ended');
        throw new CancelledFailure('cancelled');
      },
    });
    await workflows().run(activities, async (queue) => {
      const handle = await start(queue);
      await atWork;
      await handle.cancel();
      await expect(handle.result()).rejects.toMatchObject({ cause: expect.any(CancelledFailure) });
    });
    expect(calls).toEqual(['provision 1', 'agent ended', 'close 1 cancelled']);
  });

  test('makes no further attempt', async () => {
    const { activities, calls } = recorded(failing('sandbox_lost'));
    await workflows().run(activities, async (queue) => {
      const handle = await start(queue);
      while (!calls.some((call) => call.startsWith('teardown'))) await sleep(20);
      await handle.cancel();
      await expect(handle.result()).rejects.toMatchObject({ cause: expect.any(CancelledFailure) });
    });
    expect(calls).toEqual(['provision 1', 'teardown 1 sandbox_lost for another', 'close 1 cancelled']);
  });
});

test('what must happen is tried until it does', { timeout: 60_000 }, async () => {
  let tries = 0;
  const { activities, calls } = recorded({
    async close(request) {
      tries += 1;
      if (tries < 3) throw new Error('the store is away');
      return outcomeOf(request);
    },
  });
  await workflows().run(activities, async (queue) => (await start(queue)).result());
  expect([tries, calls.at(-1)]).toEqual([3, 'evaluate 1']);
});
