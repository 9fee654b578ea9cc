import type { Compilable, Selectable } from 'kysely';
import { toldOfBatch } from './batch-events.ts';
import type { Db } from './database.ts';
import type { Database } from './schema.ts';

export type BatchRow = Selectable<Database['batches']>;

/** Whoever changes a batch holds its row first. */
export async function lock(tx: Db, id: string): Promise<BatchRow | undefined> {
  return tx.selectFrom('batches').selectAll().where('id', '=', id).forUpdate().executeTakeFirst();
}

/** Changes a batch, if it is one that may be changed so, and tells it among its events. */
export async function told(db: Db, change: Compilable<BatchRow>, isRetry = false): Promise<BatchRow | undefined> {
  return (await toldOfBatch(change, isRetry).execute(db)).rows[0];
}

export async function changed(db: Db, change: Compilable<BatchRow>, isRetry = false): Promise<BatchRow> {
  const row = await told(db, change, isRetry);
  if (!row) throw new Error('a batch that was to be changed is not there');
  return row;
}

export const changeOf = (
  tx: Db,
  id: string,
  change: Partial<Pick<BatchRow, 'status' | 'stopReason' | 'cursor' | 'total' | 'retriedAt' | 'closedAt'>>,
) => tx.updateTable('batches').set(change).where('id', '=', id).returningAll();
