import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isOutage } from '../../src/model/outage.ts';
import { type Db, migrations } from '../../src/store/database.ts';
import { migrate, pendingMigrations } from '../../src/store/migrate.ts';
import { openPostgresDatabase } from '../../src/store/postgres-database.ts';
import { createDatabase, startPostgres, type TestPostgres } from '../support/postgres.ts';

let server: TestPostgres;
let url: string;
const opened: Db[] = [];

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.remove());
beforeEach(async () => {
  url = await createDatabase(server.folder);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.destroy()));
});

function open(patienceMs?: number): Db {
  const db = openPostgresDatabase({ url, onBroken: () => {}, ...(patienceMs !== undefined && { patienceMs }) });
  opened.push(db);
  return db;
}

const ask = (db: Db) => sql<{ n: number }>`select count(*) as n from api_keys`.execute(db);

describe('an empty database', () => {
  test('is brought up to date once by any number of processes that begin at the same time', async () => {
    const applied = await Promise.all(Array.from({ length: 6 }, () => migrate(open())));
    expect(applied.flat().sort()).toEqual(Object.keys(migrations));
    expect(await pendingMigrations(open())).toEqual([]);
  });

  test('lacks everything, which looking does not change', async () => {
    expect(await pendingMigrations(open())).toEqual(Object.keys(migrations));
    expect(await pendingMigrations(open())).toEqual(Object.keys(migrations));
  });
});

describe('a server that goes away', () => {
  test('is an outage for who will not wait, and is waited for by who will', async () => {
    const [patient, hasty] = [open(60_000), open(0)];
    await migrate(patient);
    expect((await ask(hasty)).rows).toEqual([{ n: 0 }]);
    await server.stop();
    const waiting = ask(patient);
    const refused = await ask(hasty).catch((error: unknown) => error);
    await server.start();
    expect(refused).toBeInstanceOf(Error);
    expect(isOutage(refused)).toBe(true);
    expect((await waiting).rows).toEqual([{ n: 0 }]);
    expect((await ask(hasty)).rows).toEqual([{ n: 0 }]);
  });

  test('breaks a transaction as an outage, and leaves nothing of it', async () => {
    const db = open(60_000);
    await migrate(db);
    const broken = await db
      .transaction()
      .execute(async (tx) => {
        await sql`insert into api_keys (id, organization, name, hash) values ('a', 'a', 'a', 'a')`.execute(tx);
        await server.stop();
        await ask(tx);
      })
      .catch((error: unknown) => error);
    await server.start();
    expect(isOutage(broken)).toBe(true);
    expect((await ask(db)).rows).toEqual([{ n: 0 }]);
  });
});
