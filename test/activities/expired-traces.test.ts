import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DeploymentRow } from '../../src/store/deployments.ts';
import { removeExpiredTraces } from '../../src/activities/expired-traces.ts';
import { agentLogId, testsLogId } from '../../src/model/ids.ts';
import { callRecord } from '../support/call.ts';
import { readyDeployment } from '../support/deployment.ts';
import { earnedOne, endRollout, insertRollout, roomFor, run } from '../support/rollout.ts';
import { openTestStore, type TestStore } from '../support/store.ts';

const day = 24 * 3_600_000;
const days = 30;
let store: TestStore;
let deployment: DeploymentRow;

beforeAll(async () => {
  store = await openTestStore();
  deployment = await readyDeployment(store, { name: 'env' });
});
afterAll(() => store.close());

const insert = (id: string) => insertRollout(store, deployment, id);

/** A rollout with something of everything that rollouts leave; it ended so many days ago, or not at all. */
async function rolloutThatEnded(id: string, daysAgo: number | undefined): Promise<void> {
  await insert(id);
  await store.rollouts.admit(id, run(id), roomFor(1000));
  const put = (text: string) => store.blobs.put(Buffer.from(`${text} of ${id}`));
  const call = callRecord(id, { requestRef: await put('request'), responseRef: await put('response') });
  await store.calls.save([call], `journal of ${id}`, 1);
  for (const log of [agentLogId(id, 1), testsLogId(id, 1)]) await store.logs.append(log, 0, Buffer.from('a line\n'));
  await store.logs.close(agentLogId(id, 1));
  await store.artifacts.add({
    rolloutId: id,
    attempt: 1,
    name: 'workdir.diff',
    contentType: 'text/plain',
    bytes: 10,
    ref: await put('diff'),
    omitted: null,
  });
  await store.events.append(
    id,
    [1, 2, 3].map((number) => ({
      key: `line ${number}`,
      attempt: 1,
      content: { type: 'log' as const, stream: 'agent' as const, text: `line ${number}` },
    })),
  );
  if (daysAgo === undefined) return;
  await endRollout(store, id);
  const closedAt = new Date(Date.now() - daysAgo * day);
  await store.db.updateTable('rollouts').set({ closedAt }).where('id', '=', id).execute();
}

/** All that is there of a rollout. */
async function leftOf(id: string) {
  return {
    row: await store.rollouts.find(id),
    calls: await store.calls.list(id),
    logs: [await store.logs.length(agentLogId(id, 1)), await store.logs.length(testsLogId(id, 1))],
    artifacts: await store.artifacts.list(id),
    events: await store.events.list(id, 0, 100),
  };
}

const remove = ({
  dryRun = false,
  keep = { traceDays: days },
}: { dryRun?: boolean; keep?: { traceDays?: number } } = {}) =>
  removeExpiredTraces(
    { store, disk: { snapshotBytes: undefined, ...keep }, logger: pino({ level: 'silent' }) },
    { signal: new AbortController().signal, report: () => undefined },
    { dryRun, now: Date.now() },
  );

test('what a rollout left goes when its time is over, and what it earned and cost stays', async () => {
  await rolloutThatEnded('past', 31);
  await rolloutThatEnded('recent', 29);
  await rolloutThatEnded('open', undefined);
  const before = await leftOf('past');
  const others = [await leftOf('recent'), await leftOf('open')];
  const held = (await Array.fromAsync(store.blobReferences())).flat();

  expect(await remove({ keep: {} })).toBe(0);
  expect(await remove({ dryRun: true })).toBe(1);
  expect(await leftOf('past')).toEqual(before);
  expect(await remove()).toBe(1);
  expect(await remove()).toBe(0);

  const after = await leftOf('past');
  expect(after.row).toEqual({ ...before.row, traceRemovedAt: expect.any(Date), traceKeptDays: days });
  expect(after.row).toMatchObject({ reward: earnedOne.reward, status: 'completed' });
  expect(after.calls).toEqual(before.calls.map((call) => ({ ...call, requestRef: null, responseRef: null })));
  expect(await store.calls.usage('past')).toMatchObject({ llm_calls: 1, cost_usd: 0.25 });
  expect(after.logs).toEqual([0, 0]);
  expect(after.artifacts).toMatchObject([
    { name: 'workdir.diff', ref: null, omitted: expect.stringContaining('30 days') },
  ]);
  expect([await leftOf('recent'), await leftOf('open')]).toEqual(others);
  expect((await Array.fromAsync(store.blobReferences())).flat()).toHaveLength(held.length - 4);
});

test('of its events all but the output stays, in its place', async () => {
  const { events, row } = await leftOf('past');
  expect(events.map(({ content }) => content.type)).toEqual(['status', 'status', 'call_ended', 'notice', 'status']);
  expect(events.find(({ content }) => content.type === 'notice')?.content).toMatchObject({
    message: expect.stringContaining('removed 30 days after'),
  });
  expect(events.at(-1)?.content).toMatchObject({ status: row?.status });
  expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 7]);
});

test('of any number of rollouts, page by page', async () => {
  const ids = Array.from({ length: 230 }, (_, index) => `many-${index}`);
  for (const id of ids) await insert(id);
  const closedAt = new Date(Date.now() - 40 * day);
  await store.db.updateTable('rollouts').set({ closedAt, status: 'failed' }).where('id', 'in', ids).execute();
  expect(await remove({ dryRun: true })).toBe(230);
  expect(await remove()).toBe(230);
  expect(await remove()).toBe(0);
});
