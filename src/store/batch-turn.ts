import { sql } from 'kysely';
import { gridOf } from '../model/batch.ts';
import { cellAt } from '../model/batch-cells.ts';
import { batchRolloutId } from '../model/ids.ts';
import { limits } from '../model/limits.ts';
import { type BatchRow, changed, changeOf, lock } from './batch-rows.ts';
import { stopReason } from './batch-stop.ts';
import { type Db, toJson } from './database.ts';
import { noteStatus, type RolloutRow, sizeOf } from './rollouts.ts';
import type { RetriedCell } from './schema.ts';

/** What a look at a batch came to. */
export interface BatchTurn {
  readonly batch: BatchRow;
  /** Written down just now, with no workflow yet. */
  readonly begun: readonly RolloutRow[];
  /** Not ended, those included. */
  readonly open: number;
}

/**
 * How many rollouts of a batch may be open at once: what it asked for, and never more than any may ask for, whatever its row says. A
 * look at a batch describes each of them to Temporal, and so many signals may come at once.
 */
export function mostOpen({ concurrency }: Pick<BatchRow, 'concurrency'>): number {
  return Math.min(concurrency, limits.batchConcurrency[1]);
}

/** A look at a batch, within a transaction: writes down as many rollouts as may run beside those that are open, at most `most`. */
export async function turnWithin(tx: Db, id: string, most: number): Promise<BatchTurn | undefined> {
  let batch = await lock(tx, id);
  if (!batch) return undefined;
  const { count } = await tx
    .selectFrom('rollouts')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('batchId', '=', id)
    .where('closedAt', 'is', null)
    .executeTakeFirstOrThrow();
  if (batch.status === 'running' && batch.cursor < batch.total && batch.stopReason === null) {
    const reason = await stopReason(tx, batch);
    if (reason !== null) batch = await changed(tx, changeOf(tx, id, { stopReason: reason }));
  }
  const may = batch.status === 'running' && batch.stopReason === null;
  const budget = batch.plan.budget.rollouts ?? Number.POSITIVE_INFINITY;
  const room = Math.min(most, mostOpen(batch) - count, batch.total - batch.cursor, budget - batch.cursor);
  const begun = may && room > 0 ? await begin(tx, batch, room) : [];
  if (begun.length > 0) {
    batch = await changeOf(tx, id, { cursor: batch.cursor + begun.length }).executeTakeFirstOrThrow();
  }
  const open = count + begun.length;
  const isDone = batch.cursor === batch.total || batch.stopReason !== null || batch.status === 'cancelling';
  if (open === 0 && isDone && batch.closedAt === null) {
    const status = batch.status === 'cancelling' ? 'cancelled' : 'completed';
    batch = await changed(tx, changeOf(tx, id, { status, closedAt: new Date() }));
  }
  return { batch, begun, open };
}

/** Writes down the next `count` rollouts. */
async function begin(tx: Db, batch: BatchRow, count: number): Promise<readonly RolloutRow[]> {
  const retries = await tx
    .selectFrom('batchGenerations')
    .selectAll()
    .where('batchId', '=', batch.id)
    .orderBy('generation', 'desc')
    .execute();
  const rows = Array.from({ length: count }, (_, offset) => {
    const place = batch.cursor + offset;
    const retry = retries.find(({ first }) => first <= place);
    if (!retry) return newRollout(batch, 1, { cell: place, of: null });
    const retried = retry.cells[place - retry.first];
    if (!retried) throw new RangeError(`batch ${batch.id} has no rollout ${place}`);
    return newRollout(batch, retry.generation, retried);
  });
  const insert = tx
    .insertInto('rollouts')
    .values(rows)
    .onConflict((conflict) => conflict.column('id').doNothing())
    .returningAll();
  const written = await sql<RolloutRow>`
    with moved as (${insert}), ${noteStatus} select * from moved`.execute(tx);
  if (written.rows.length < count) throw new Error(`some of the next rollouts of batch ${batch.id} exist already`);
  return written.rows;
}

function newRollout(batch: BatchRow, batchGeneration: number, { cell: index, of }: RetriedCell) {
  const { plan } = batch;
  const { seed, sample, policy } = cellAt(gridOf(plan), index);
  const planned = plan.policies[policy];
  if (!planned) throw new RangeError(`batch ${batch.id} has no policy ${policy}`);
  const { template } = plan;
  const id = batchRolloutId(batch.id, index, batchGeneration);
  return {
    id,
    organization: batch.organization,
    deploymentId: batch.deploymentId,
    deploymentName: batch.deploymentName,
    generation: batch.generation,
    snapshotName: batch.snapshotName,
    ...sizeOf(batch),
    traceCorrelationId: id,
    batchId: batch.id,
    priority: batch.priority,
    batchCell: index,
    batchGeneration,
    sample,
    policyIndex: policy,
    retryOf: of,
    seed,
    agent: planned.agent,
    model: planned.model,
    status: 'queued' as const,
    request: toJson({ ...template, env: { ...template.env, seed }, policy: planned.policy }),
  };
}
