import { ApplicationFailure } from '@temporalio/common';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { activity } from '../../src/activities/activity.ts';
import { HarborError } from '../../src/model/errors.ts';
import { noUsage } from '../../src/model/rollout.ts';
import type { AttemptRef, CollectRequest } from '../../src/model/stages.ts';
import type { Db } from '../../src/store/database.ts';
import { openPostgresDatabase } from '../../src/store/postgres-database.ts';
import { createDatabase, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { useWorkflows } from '../support/workflows.ts';

const workflows = useWorkflows();

/** At the pace of their own retry policies, 1 s that doubles up to 15 s at least, these take more than two minutes. */
const triesDuringOutage = 12;

let postgres: TestPostgres;
let db: Db;
beforeAll(async () => {
  postgres = await startPostgres();
  db = openPostgresDatabase({ url: await createDatabase(postgres.folder), patienceMs: 0, onBroken: () => {} });
});
afterAll(async () => {
  await db.destroy();
  await postgres.remove();
});

/** The activity as it is, but what it leaves to its retry policy's clock comes at once. */
function atOnce<Input, Output>(work: (input: Input) => Promise<Output>): (input: Input) => Promise<Output> {
  return async (input) => {
    try {
      return await work(input);
    } catch (error) {
      if (!(error instanceof ApplicationFailure)) throw error;
      throw ApplicationFailure.create({
        message: error.message,
        type: error.type ?? 'internal',
        nonRetryable: error.nonRetryable === true,
        nextRetryDelay: '10 milliseconds',
      });
    }
  };
}

test('however long the store is away, each activity of a rollout waits for it', { timeout: 180_000 }, async () => {
  const triesOf = new Map<string, number>();
  /** An activity that needs the store, which goes away before its first run and comes back when it was tried so often. */
  const needsStore = <Input, Output>(name: string, work: (input: Input) => Output) =>
    atOnce(
      activity(async (input: Input, { activityTry }) => {
        if (triesOf.get(name) === triesDuringOutage) return work(input);
        triesOf.set(name, activityTry);
        if (activityTry === 1) await postgres.stop();
        if (activityTry === triesDuringOutage) await postgres.start();
        await sql`select 1`.execute(db);
        return work(input);
      }),
    );
  let closed: CollectRequest | undefined;
  let history: Awaited<ReturnType<typeof historyOf>> | undefined;
  const activities = {
    provision: needsStore('provision', () => ({
      organization: 'default',
      deployment: 'env',
      seed: 1,
      agent: 'codex',
      model: 'gpt',
      sandbox: 'box',
    })),
    runAgent: needsStore('runAgent', ({ attempt }: AttemptRef) => {
      // So that there is something to tear down before the end.
      if (attempt === 1) throw new HarborError('sandbox_lost', 'the sandbox is gone');
      return { exitCode: 0, failure: null, llmCalls: 0, peakMemoryMb: null, cpuSeconds: null, oomKills: null };
    }),
    evaluate: needsStore('evaluate', () => ({
      reward: 1,
      rewards: { reward: 1 },
      trust: 'quiesced' as const,
      failure: null,
    })),
    close: needsStore('close', (request: CollectRequest) => {
      closed = request;
      const { rolloutId } = request;
      return { rollout_id: rolloutId, status: 'completed' as const, reward: 1, failure: null, usage: noUsage };
    }),
    teardown: needsStore('teardown', () => {}),
  };
  await workflows().run(activities, async (taskQueue) => {
    await workflows().client.workflow.execute('rollout', { taskQueue, workflowId: taskQueue, args: [{}] });
    history = await historyOf(taskQueue);
  });
  expect(Object.fromEntries(triesOf)).toEqual(
    Object.fromEntries(Object.keys(activities).map((name) => [name, triesDuringOutage])),
  );
  expect(closed).toMatchObject({ attempt: 2, failure: null });
  // What the server would have ended them by: neither a number of tries nor a time over all of them.
  const unlimited = { tries: 0, seconds: 0 };
  expect(history).toEqual(Array.from({ length: 7 }, () => unlimited));
});

/** The limits over all tries of the activities of a workflow; 0: none. */
async function historyOf(workflowId: string) {
  const { events } = await workflows().client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: scheduled }) =>
    scheduled
      ? [
          {
            tries: scheduled.retryPolicy?.maximumAttempts ?? 0,
            seconds: Number(scheduled.scheduleToCloseTimeout?.seconds ?? 0),
          },
        ]
      : [],
  );
}
