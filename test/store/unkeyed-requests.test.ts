import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { DeploymentRow } from '../../src/store/deployments.ts';
import { readyDeployment } from '../support/deployment.ts';
import { endRollout, insertRollout, roomFor, run } from '../support/rollout.ts';
import { openTestStore, type TestStore } from '../support/store.ts';

let store: TestStore;
let deployment: DeploymentRow;

beforeAll(async () => {
  store = await openTestStore();
  deployment = await readyDeployment(store, { name: 'env' });
});
afterAll(() => store.close());
beforeEach(async () => {
  for (const table of ['events', 'rollouts', 'unkeyedRequests', 'apiProcesses'] as const) {
    await store.db.deleteFrom(table).execute();
  }
});

const fingerprint = 'one body';
/** Long enough for all that is open to be known to be. */
const longAgo = 3600;

/** Asks as a connection of some name, which is also the id for what it would make; the process is the name's first letter. */
const claim = (connection: string, since = longAgo, rollouts: readonly string[] = [connection]) =>
  store.unkeyedRequests.claim(
    { fingerprint, id: connection, rollouts, connection, process: connection.slice(0, 1) },
    since,
  );
const release = (connection: string) => store.unkeyedRequests.release({ fingerprint, connection });
const deliver = (connection: string) => store.unkeyedRequests.deliver({ fingerprint, connection });

async function begin(id: string): Promise<void> {
  await insertRollout(store, deployment, id);
  await store.rollouts.admit(id, run(id), roomFor(100));
}

/** Ends it so many seconds ago. */
async function end(id: string, seconds: number): Promise<void> {
  await endRollout(store, id);
  await sql`update rollouts set closed_at = now() - make_interval(secs => ${seconds}) where id = ${id}`.execute(
    store.db,
  );
}

const silence = (process: string, seconds: number) =>
  sql`update api_processes set seen_at = clock_timestamp() - make_interval(secs => ${seconds}) where id = ${process}`.execute(
    store.db,
  );

describe('a request that comes again', () => {
  test('is a new one while the first is held, and the first one once that is released', async () => {
    expect(await claim('a1')).toBe('a1');
    expect(await claim('a2')).toBe('a2');
    await release('a1');
    expect(await claim('a3')).toBe('a1');
    expect(await claim('a4')).toBe('a4');
  });

  test('is the first one for exactly one of many', async () => {
    await claim('a1');
    await release('a1');
    const ids = await Promise.all(Array.from({ length: 12 }, (_, index) => claim(`b${index}`)));
    expect(ids.filter((id) => id === 'a1')).toHaveLength(1);
    expect(new Set(ids).size).toBe(12);
  });

  test('takes the oldest first, and of several each once', async () => {
    for (const connection of ['a1', 'a2', 'a3']) await claim(connection);
    for (const connection of ['a3', 'a1', 'a2']) await release(connection);
    expect([await claim('b1'), await claim('b2'), await claim('b3'), await claim('b4')]).toEqual([
      'a1',
      'a2',
      'a3',
      'b4',
    ]);
  });

  test('is a new one once the result was delivered, which is noted with its time', async () => {
    await claim('a1');
    await deliver('a1');
    expect(await claim('a2')).toBe('a2');
    const rows = await store.db.selectFrom('unkeyedRequests').select(['id', 'deliveredAt']).orderBy('id').execute();
    expect(rows).toEqual([
      { id: 'a1', deliveredAt: expect.any(Date) },
      { id: 'a2', deliveredAt: null },
    ]);
  });

  test('keeps what it holds, whatever the connection says that held it before', async () => {
    await claim('a1');
    await silence('a', 11);
    expect(await claim('b1')).toBe('a1');
    await deliver('a1');
    await release('a1');
    expect(await claim('c1')).toBe('c1');
  });

  test('is another one under another fingerprint', async () => {
    await claim('a1');
    await release('a1');
    const other = { fingerprint: 'another body', id: 'a2', rollouts: ['a2'], connection: 'a2', process: 'a' };
    expect(await store.unkeyedRequests.claim(other, longAgo)).toBe('a2');
  });
});

describe('what is held', () => {
  test('by the own process is clear after half a second', async () => {
    await claim('a1');
    expect(await claim('a2', 0)).toBeUndefined();
    expect(await claim('a2', 0.4)).toBeUndefined();
    expect(await claim('a2', 0.6)).toBe('a2');
  });

  test('by another process is clear once that is seen half a second after the request came', async () => {
    await claim('a1');
    await silence('a', 2);
    expect(await claim('b1', 2)).toBeUndefined();
    await store.unkeyedRequests.beat('a');
    expect(await claim('b1', 2)).toBe('b1');
  });

  test('by a process that is silent for ten seconds is free, after a look of three', async () => {
    await claim('a1');
    await silence('a', 9.5);
    expect(await claim('b1', 5)).toBeUndefined();
    await silence('a', 10.1);
    expect(await claim('b1', 2.9)).toBeUndefined();
    expect(await claim('b1', 3.1)).toBe('a1');
  });

  test('by a process that nobody knows any more is free', async () => {
    await claim('a1');
    await store.db.deleteFrom('apiProcesses').execute();
    expect(await claim('b1')).toBe('a1');
  });
});

describe('an end that was not delivered', () => {
  test.each([
    [50, 'a1'],
    [70, 'a2'],
  ])('of %i seconds ago: the repeat is %s', async (seconds, id) => {
    await claim('a1');
    await begin('a1');
    await release('a1');
    await end('a1', seconds);
    expect(await claim('a2')).toBe(id);
  });

  test('is none that a repeat gets where nothing ever worked on the rollout', async () => {
    await claim('a1');
    await begin('a1');
    await sql`update rollouts set workflow_run_id = null where id = 'a1'`.execute(store.db);
    await release('a1');
    expect(await claim('a2')).toBe('a1');
    await release('a2');
    await end('a1', 1);
    expect(await claim('a3')).toBe('a3');
  });

  test('of several rollouts is that of the last', async () => {
    await claim('a1', longAgo, ['a1-1', 'a1-2']);
    for (const id of ['a1-1', 'a1-2']) await begin(id);
    await release('a1');
    await end('a1-1', 100);
    expect(await claim('a2')).toBe('a1');
    await release('a2');
    await end('a1-2', 50);
    expect(await claim('a3')).toBe('a1');
    await release('a3');
    await end('a1-2', 70);
    await sql`update rollouts set closed_at = now() - interval '70 seconds'`.execute(store.db);
    expect(await claim('a4')).toBe('a4');
  });
});

test('what is a day old is forgotten, but for what is still open', async () => {
  for (const id of ['a1', 'a2', 'a3', 'b4']) await claim(id);
  for (const id of ['a1', 'a2']) await begin(id);
  await deliver('a1');
  await sql`update unkeyed_requests set created_at = now() - interval '25 hours' where id <> 'b4'`.execute(store.db);
  await silence('a', 25 * 3600);
  await store.unkeyedRequests.forget();
  const left = await store.db.selectFrom('unkeyedRequests').select('id').orderBy('id').execute();
  expect(left.map(({ id }) => id)).toEqual(['a2', 'b4']);
  expect(await store.db.selectFrom('apiProcesses').select('id').execute()).toEqual([{ id: 'b' }]);
});
