import { sql } from 'kysely';
import type { Db } from './database.ts';

/** A table whose rows hold refs of blobs, by its columns' names in the database. */
export interface ReferringTable {
  readonly table: string;
  /** Of its primary key. */
  readonly key: readonly string[];
  readonly refs: readonly string[];
}

/** Every column that holds a ref of a blob: what is not here is taken for unreferenced, and removed. */
export const referringTables: readonly ReferringTable[] = [
  { table: 'generations', key: ['deployment_id', 'generation'], refs: ['context_ref'] },
  { table: 'tasks', key: ['deployment_id', 'generation', 'position'], refs: ['tests_ref'] },
  { table: 'calls', key: ['id'], refs: ['request_ref', 'response_ref'] },
  { table: 'logs', key: ['id'], refs: ['ref'] },
  { table: 'artifacts', key: ['rollout_id', 'attempt', 'name'], refs: ['ref'] },
];

/** Rows read at a time. */
const pageRows = 2000;

/**
 * Every ref in the store, page by page, in the order of the tables' keys: a row that is written meanwhile may be missed, a
 * row that was there before is not.
 */
export async function* blobReferences(db: Db, rows = pageRows): AsyncGenerator<readonly string[]> {
  for (const table of referringTables) yield* referencesOf(db, table, rows);
}

async function* referencesOf(
  db: Db,
  { table, key, refs }: ReferringTable,
  limit: number,
): AsyncGenerator<readonly string[]> {
  const keyColumns = sql.join(key.map((column) => sql.ref(column)));
  const named = [...key.map((column, index) => [column, `key${index}`]), ...refs.map((column) => [column, column])];
  const columns = sql.join(named.map(([column = '', name = '']) => sql`${sql.ref(column)} as ${sql.id(name)}`));
  for (let after: readonly unknown[] | undefined; ;) {
    const behind = after === undefined ? sql`true` : sql`(${keyColumns}) > (${sql.join(after)})`;
    const { rows } = await sql<Record<string, unknown>>`
      select ${columns} from ${sql.table(table)} where ${behind} order by ${keyColumns} limit ${limit}`.execute(db);
    yield rows.flatMap((row) => Object.entries(row).flatMap(([name, value]) => (isRef(name, value) ? [value] : [])));
    const last = rows.at(-1);
    if (!last || rows.length < limit) return;
    after = key.map((_, index) => last[`key${index}`]);
  }
}

const isRef = (name: string, value: unknown): value is string => !name.startsWith('key') && typeof value === 'string';
