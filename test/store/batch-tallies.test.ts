import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FailureClass, infrastructureClasses } from '../../src/model/failures.ts';
import { readEnded } from '../../src/store/batch-tallies.ts';
import type { DeploymentRow } from '../../src/store/deployments.ts';
import { newBatch } from '../support/batch.ts';
import { callRecord } from '../support/call.ts';
import { readyDeployment } from '../support/deployment.ts';
import { earnedOne, roomFor, run } from '../support/rollout.ts';
import { openTestStore, type TestStore } from '../support/store.ts';

let store: TestStore;
let deployment: DeploymentRow;
let count = 0;

beforeAll(async () => {
  store = await openTestStore();
  deployment = await readyDeployment(store, { name: 'env' });
});
afterAll(() => store.close());

/** A batch of twelve cells that six may run of at once, with its first rollouts begun. */
async function begun(): Promise<string> {
  count += 1;
  const { id } = await newBatch(store, deployment, `b${count}`, {
    plan: { seeds: { from: 0, count: 12 } },
    concurrency: 6,
  });
  await store.batches.turn(id, 6);
  return id;
}

/** What is counted as it happens. */
async function counted(id: string) {
  return { ...(await store.batches.spent(id)), ...(await readEnded(store.db, id)) };
}

/** The same, added up from every row; what has ended since the last retry is told by the order of the batch's events. */
async function addedUp(id: string) {
  const { attempts, calls, tokens, costUsd, unpricedCalls } = await store.batches.sums(id);
  const { rows } = await sql<{ ended: number; lost: number }>`
    with own as (
      select seq, total, lag(total) over line as before, lag(status) over line as was
      from batch_events where batch_id = ${id} and rollout_id is null window line as (order by seq)
    ), last as (
      select coalesce(max(seq), 0) as retry from own where total <> before or was in ('completed', 'cancelled')
    )
    select count(*) as ended, count(*) filter (where rollouts.reward is null and rollouts.status = 'failed'
      and rollouts.failure_class in (${sql.join(infrastructureClasses)})) as lost
    from last, batch_events join rollouts on rollouts.id = rollout_id
    where batch_events.batch_id = ${id} and seq > retry and closed_at is not null and batch_events.status = rollouts.status`.execute(
    store.db,
  );
  return { attempts, calls, tokens, costUsd, unpricedCalls, ...rows[0] };
}

const outcomes = [null, 'sandbox_lost', 'internal', 'no_reward', 'agent_timeout', 'cancelled'] as const;
const close = (id: string, failure: FailureClass | null) =>
  store.rollouts.close(
    id,
    'run',
    failure === null ? 'completed' : failure === 'cancelled' ? 'cancelled' : 'failed',
    failure === null ? earnedOne : { ...earnedOne, reward: null, failure: { class: failure, message: 'why' } },
  );

const which = fc.nat({ max: 5 });
const step = fc.oneof(
  { weight: 1, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('retry' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('begin' as const), which, attempt: fc.integer({ min: 1, max: 2 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('close' as const), which, failure: fc.constantFrom(...outcomes) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('call' as const),
      of: fc.array(which, { minLength: 1, maxLength: 4 }),
      costUsd: fc.option(fc.double({ min: 0, max: 10, noNaN: true })),
      status: fc.constantFrom('ok' as const, 'refused' as const, 'killed' as const),
      isSaidTwice: fc.boolean(),
    }),
  },
);
/** What happens at the same time, one after the other. */
const story = fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { minLength: 3, maxLength: 12 });

describe('what a batch has spent and lost, counted as it happens,', () => {
  test('is what all its rows come to, whatever happens at the same time', { timeout: 240_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(story, async (moments) => {
        const ids = [await begun(), await begun()] as const;
        for (const steps of moments) {
          const open = (await Promise.all(ids.map((id) => store.batches.open(id)))).flat().map(({ id }) => id);
          await Promise.all(steps.map((one, index) => take(one, open, ids[index % 2] ?? ids[0])));
          for (const id of ids) expect(await counted(id)).toEqual(await addedUp(id));
        }
      }),
      { numRuns: 12 },
    );
  });

  async function take(one: typeof step extends fc.Arbitrary<infer T> ? T : never, open: readonly string[], id: string) {
    const rollout = (place: number) => open[place % open.length];
    if (one.do === 'turn') await store.batches.turn(id, 6);
    else if (one.do === 'retry') await store.batches.retry(id, {});
    else if (one.do === 'call') {
      const some = one.of.flatMap((place) => rollout(place) ?? []);
      const calls = some.map((of) => callRecord(of, { costUsd: one.costUsd, status: one.status }));
      await store.calls.save(calls, `journal of ${id}`, 1);
      if (one.isSaidTwice) await store.calls.save(calls, `journal of ${id}`, 1);
    } else {
      const name = rollout(one.which);
      if (name === undefined) return;
      await store.rollouts.admit(name, run('run'), roomFor(1000));
      if (one.do === 'begin') await store.attempts.begin(name, one.attempt, `sandbox of ${name}`);
      else await close(name, one.failure);
    }
  }

  test('is nothing for a batch of which nothing was done', async () => {
    expect(await counted(await begun())).toEqual({
      attempts: 0,
      calls: 0,
      tokens: 0,
      costUsd: 0,
      unpricedCalls: 0,
      ended: 0,
      lost: 0,
    });
  });

  test('takes no call of a save that failed, and each once of the one that made up for it', async () => {
    const id = await begun();
    const calls = [callRecord(`${id}-0`), callRecord(`${id}-1`)];
    // No place in a file: the last statement of the transaction is refused.
    await expect(store.calls.save(calls, `journal of ${id}`, 0.5)).rejects.toThrow(/bigint/);
    expect(await counted(id)).toMatchObject({ calls: 0, tokens: 0, costUsd: 0 });
    await store.calls.save(calls, `journal of ${id}`, 1);
    await store.calls.save(calls, `journal of ${id}`, 1);
    expect(await counted(id)).toMatchObject({ calls: 2, tokens: 30, costUsd: 0.5 });
  });

  test('keeps a lost rollout that was closed while a retry was planned on the side on which the retry saw it', async () => {
    const id = await begun();
    for (const cell of [0, 1, 2, 3, 4, 5]) await store.rollouts.admit(`${id}-${cell}`, run('run'), roomFor(1000));
    await close(`${id}-0`, 'sandbox_lost');
    const closing = [1, 2, 3, 4, 5].map((cell) => close(`${id}-${cell}`, 'sandbox_lost'));
    const retried = await store.batches.retry(id, {});
    await Promise.all(closing);
    expect((await readEnded(store.db, id)).lost).toBe(6 - retried);
  });

  test('adds dollars as decimals', async () => {
    const id = await begun();
    for (const [index, costUsd] of [0.1, 0.2, 0.7].entries()) {
      await store.calls.save([callRecord(`${id}-${index}`, { costUsd })], `journal of ${id}`, index);
    }
    expect((await store.batches.spent(id)).costUsd).toBe(1);
  });
});
