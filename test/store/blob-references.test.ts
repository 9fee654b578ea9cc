import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { blobReferences, referringTables } from '../../src/store/blob-references.ts';
import { callRecord } from '../support/call.ts';
import { readyDeployment } from '../support/deployment.ts';
import { openTestStore, type TestStore } from '../support/store.ts';

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore();
});
afterAll(() => store.close());

/** Named like one, and the id of something else. */
const noBlobs = new Set(['snapshots.provider_ref']);

test('every column of the store that is named a ref is read, and every table by its whole key', async () => {
  const columns = await sql<{ name: string }>`
    select table_name || '.' || column_name as name from information_schema.columns
    where table_schema = 'public' and (column_name = 'ref' or column_name like '%\\_ref' or column_name like '%\\_sha256')
  `.execute(store.db);
  const found = columns.rows.map(({ name }) => name).filter((name) => !noBlobs.has(name));
  const read = referringTables.flatMap(({ table, refs }) => refs.map((column) => `${table}.${column}`));
  expect(read.toSorted()).toEqual(found.toSorted());

  const keys = await sql<{ table: string; columns: string[] }>`
    select t.table_name as table, array_agg(k.column_name::text order by k.ordinal_position) as columns
    from information_schema.table_constraints t join information_schema.key_column_usage k using (constraint_name, table_schema)
    where t.constraint_type = 'PRIMARY KEY' and t.table_schema = 'public' group by t.table_name`.execute(store.db);
  for (const { table, key } of referringTables) {
    expect(keys.rows.find((row) => row.table === table)?.columns).toEqual(key);
  }
});

test('all that rows hold are told, over pages of any size, whatever is null', async () => {
  const ref = (number: number): string => number.toString(16).padStart(64, '0');
  const { id } = await readyDeployment(store, { name: 'env' });
  const before = (await Array.fromAsync(blobReferences(store.db))).flat();
  const calls = Array.from({ length: 7 }, (_, index) =>
    callRecord(`rollout-${index % 2}`, {
      requestRef: ref(index),
      responseRef: index === 3 ? null : ref(100 + index),
    }),
  );
  await store.calls.save(calls, 'journal', 1);
  await store.db
    .insertInto('tasks')
    .values(
      [10, 11, 12].map((position) => ({
        deploymentId: id,
        generation: 1,
        position,
        seed: 1000 + position,
        instruction: null,
        settings: '{}',
        testsRef: position === 11 ? null : ref(200 + position),
        script: null,
      })),
    )
    .execute();
  const expected = [
    ...before,
    ...calls.flatMap(({ requestRef, responseRef }) => [requestRef, responseRef]).filter((one) => one !== null),
    ref(210),
    ref(212),
  ].toSorted();
  for (const rows of [1, 2, 3, 100]) {
    expect((await Array.fromAsync(blobReferences(store.db, rows))).flat().toSorted()).toEqual(expected);
  }
});
