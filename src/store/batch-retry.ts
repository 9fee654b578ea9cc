import { sql } from 'kysely';
import { gridOf } from '../model/batch.ts';
import { cellAt } from '../model/batch-cells.ts';
import type { FailureClass } from '../model/failures.ts';
import { type BatchRow, changed, changeOf, lock } from './batch-rows.ts';
import { type Db, toJson } from './database.ts';
import type { RetriedCell } from './schema.ts';

/** Which cells to run again: those whose newest rollout has no reward, and those that never had one. */
export interface RetrySelection {
  readonly classes?: readonly FailureClass[] | undefined;
  readonly seeds?: readonly number[] | undefined;
}

/** Plans cells anew, within a transaction; says how many. */
export async function retryWithin(tx: Db, id: string, { classes, seeds }: RetrySelection): Promise<number> {
  const batch = await lock(tx, id);
  if (!batch) return 0;
  // Whoever closes a rollout waits from here on: what is closed is seen below, and what is closed later counts as of this retry.
  await tx.selectFrom('batchPositions').select('position').where('batchId', '=', id).forUpdate().execute();
  const { rows } = await sql<{ id: string; cell: number; failureClass: FailureClass | null; missing: boolean }>`
    select distinct on (batch_cell) id, batch_cell as cell, failure_class, closed_at is not null and reward is null as missing
    from rollouts where batch_id = ${id} order by batch_cell, batch_generation desc`.execute(tx);
  const known = new Map(rows.map((row) => [row.cell, row]));
  const pending = await pendingRetries(tx, batch);
  const cells: RetriedCell[] = [];
  // What is still ahead of the cursor will run anyway, unless the batch has ended without it.
  const reached = batch.closedAt === null ? Math.min(batch.cursor, batch.planned) : batch.planned;
  for (let cell = 0; cell < reached; cell += 1) {
    const row = known.get(cell);
    if (pending.has(cell) || (row && !row.missing)) continue;
    if (classes && !(row?.failureClass && classes.includes(row.failureClass))) continue;
    const { seed } = cellAt(gridOf(batch.plan), cell);
    if (seeds && !(seed !== null && seeds.includes(seed))) continue;
    cells.push({ cell, of: row?.id ?? null });
  }
  if (cells.length === 0) return 0;
  const { last } = await tx
    .selectFrom('batchGenerations')
    .select((eb) => eb.fn.max<number | null>('generation').as('last'))
    .where('batchId', '=', id)
    .executeTakeFirstOrThrow();
  // A batch that ended early goes on with these alone: what it had still ahead is among them, if it was asked for.
  const first = batch.closedAt === null ? batch.total : batch.cursor;
  await tx
    .insertInto('batchGenerations')
    .values({ batchId: id, generation: (last ?? 1) + 1, first, cells: toJson(cells) })
    .execute();
  const change = {
    total: first + cells.length,
    closedAt: null,
    stopReason: null,
    retriedAt: new Date(),
    status: batch.closedAt ? 'running' : batch.status,
  } as const;
  await changed(tx, changeOf(tx, id, change), true);
  return cells.length;
}

/** Cells that an open batch is going to retry anyway. */
async function pendingRetries(tx: Db, { id, cursor, closedAt }: BatchRow): Promise<ReadonlySet<number>> {
  if (closedAt !== null) return new Set();
  const retries = await tx.selectFrom('batchGenerations').selectAll().where('batchId', '=', id).execute();
  const ahead = retries.flatMap(({ first, cells }) => cells.filter((_, index) => first + index >= cursor));
  return new Set(ahead.map(({ cell }) => cell));
}
