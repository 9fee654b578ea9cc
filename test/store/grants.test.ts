import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestStore, type TestStore } from '../support/store.ts';

let store: TestStore;

beforeAll(async () => {
  store = await openTestStore();
});
afterAll(() => store.close());

async function leased(rolloutId: string, interceptor: string) {
  await store.grants.beat(interceptor);
  await store.grants.grant({ rolloutId, attempt: 1, models: [], script: null });
  await store.grants.lease(interceptor, { rolloutId, attempt: 1 });
}

test('an interceptor that has left is waited for by nobody; the others are', async () => {
  await leased('shared', 'leaves');
  await leased('shared', 'stays');
  await store.grants.leave('leaves');
  expect(await store.grants.holders({ rolloutId: 'shared', attempt: 1 })).toMatchObject([{ interceptor: 'stays' }]);
});

test('grants that were revoked long ago are removed with their leases, and interceptors that nobody heard of since', async () => {
  await leased('old', 'gone');
  await leased('open', 'there');
  await store.grants.revoke({ rolloutId: 'old', attempt: 1 });
  const past = new Date('2026-01-01');
  await store.db.updateTable('grants').set({ revokedAt: past }).where('rolloutId', '=', 'old').execute();
  await store.db.updateTable('interceptors').set({ seenAt: past }).execute();
  expect(await store.grants.prune(new Date('2026-02-01'))).toBe(1);
  const grants = await store.db.selectFrom('grants').select('rolloutId').orderBy('rolloutId').execute();
  expect(grants.map(({ rolloutId }) => rolloutId)).toEqual(['open', 'shared']);
  const left = await store.db.selectFrom('interceptors').select('id').orderBy('id').execute();
  expect(left.map(({ id }) => id)).toEqual(['stays', 'there']);
});
