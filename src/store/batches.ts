import { type Compilable, type Selectable, sql } from 'kysely';
import type { BatchBudget, BatchPlan, BatchStatus } from '../model/batch.ts';
import { gridOf } from '../model/batch.ts';
import { cellAt } from '../model/batch-cells.ts';
import type { SeedRewards } from '../model/batch-figures.ts';
import type { FailureClass } from '../model/failures.ts';
import { batchRolloutId } from '../model/ids.ts';
import { limits } from '../model/limits.ts';
import { type BatchEvent, readBatchEvents, toldOfBatch } from './batch-events.ts';
import { type BatchSums, readCounts, readSums, type BatchCounts } from './batch-sums.ts';
import { stopReason } from './batch-stop.ts';
import { type Db, toJson } from './database.ts';
import { untilUnique } from './events.ts';
import { noteStatus, type RolloutRow, sizeOf } from './rollouts.ts';
import type { Database, RetriedCell } from './schema.ts';

export type BatchRow = Selectable<Database['batches']>;

/** A batch without its plan, which can be large and never changes. */
export type BatchState = Omit<BatchRow, 'plan'>;

export interface NewBatch {
  readonly id: string;
  readonly organization: string;
  readonly deploymentId: string;
  readonly deploymentName: string;
  readonly name: string | null;
  readonly planned: number;
  readonly concurrency: number;
  readonly priority: number;
  readonly generation: number;
  readonly snapshotName: string;
  readonly plan: BatchPlan;
}

/** What a look at a batch came to. */
export interface BatchTurn {
  readonly batch: BatchRow;
  /** Written down just now, with no workflow yet. */
  readonly begun: readonly RolloutRow[];
  /** Not ended, those included. */
  readonly open: number;
}

/** Which cells to run again: those whose newest rollout has no reward, and those that never had one. */
export interface RetrySelection {
  readonly classes?: readonly FailureClass[] | undefined;
  readonly seeds?: readonly number[] | undefined;
}

export interface BatchStore {
  create(batch: NewBatch): Promise<BatchRow>;
  find(id: string): Promise<BatchRow | undefined>;
  /** For who looks again and again. */
  state(id: string): Promise<BatchState | undefined>;
  /** Alone, since every attempt asks for it and the rest of a plan can be large. */
  budget(id: string): Promise<BatchBudget | undefined>;
  list(organization: string, page: { readonly limit: number; readonly offset: number }): Promise<readonly BatchRow[]>;
  /**
   * Writes down as many rollouts as may run beside those that are open, at most `most`, and closes the batch when all is done.
   * The rows are what a place is counted by, so that none is lost, whatever becomes of a workflow.
   */
  turn(id: string, most: number): Promise<BatchTurn | undefined>;
  /** Batches that are not closed. */
  unfinished(): Promise<readonly string[]>;
  /** Rollouts that have not ended, oldest first. */
  open(id: string): Promise<readonly RolloutRow[]>;
  /** Moves a batch from one of these statuses to another. Undefined where it has none of them. */
  move(id: string, from: readonly BatchStatus[], to: BatchStatus): Promise<BatchRow | undefined>;
  /** Undefined where the batch is closed. */
  setConcurrency(id: string, concurrency: number): Promise<BatchRow | undefined>;
  /** Plans the cells anew whose rollouts are closed without a reward; says how many. */
  retry(id: string, selection: RetrySelection): Promise<number>;
  /** Of the newest rollout of each cell. */
  counts(id: string): Promise<BatchCounts>;
  /** Of all rollouts, those that were retried included. */
  sums(id: string): Promise<BatchSums>;
  /** Of the newest rollout of each cell. */
  rewards(id: string, passThreshold: number): Promise<readonly SeedRewards[]>;
  /** The newest rollout of each cell behind `after`, by cell. */
  results(id: string, after: number, limit: number): Promise<readonly RolloutRow[]>;
  /** What happened in it behind `after`, in order: of its rollouts every change of status, of itself every change. */
  events(id: string, after: number, limit: number): Promise<readonly BatchEvent[]>;
}

/**
 * How many rollouts of a batch may be open at once: what it asked for, and never more than any may ask for, whatever its row says. A
 * look at a batch describes each of them to Temporal, and so many signals may come at once.
 */
export function mostOpen({ concurrency }: Pick<BatchRow, 'concurrency'>): number {
  return Math.min(concurrency, limits.batchConcurrency[1]);
}

/** Nothing of it runs any more, and only a retry opens it again. */
const closedForGood = ['completed', 'cancelled'] as const;

export function batchStore(db: Db): BatchStore {
  const find: BatchStore['find'] = (id) => db.selectFrom('batches').selectAll().where('id', '=', id).executeTakeFirst();

  return {
    create: ({ plan, ...batch }) =>
      changed(
        db,
        db
          .insertInto('batches')
          .values({ ...batch, total: batch.planned, plan: toJson(plan) })
          .returningAll(),
      ),

    find,

    state: (id) => db.selectFrom('batches').select(stateColumns).where('id', '=', id).executeTakeFirst(),

    async budget(id) {
      const row = await db
        .selectFrom('batches')
        .select(sql<BatchBudget>`plan -> 'budget'`.as('budget'))
        .where('id', '=', id)
        .executeTakeFirst();
      return row?.budget;
    },

    list: (organization, { limit, offset }) =>
      db
        .selectFrom('batches')
        .selectAll()
        .where('organization', '=', organization)
        .orderBy('createdAt', 'desc')
        .orderBy('id', 'desc')
        .limit(limit)
        .offset(offset)
        .execute(),

    turn: (id, most) => untilUnique(() => db.transaction().execute((tx) => turnWithin(tx, id, most))),

    async unfinished() {
      const rows = await db.selectFrom('batches').select('id').where('closedAt', 'is', null).execute();
      return rows.map(({ id }) => id);
    },

    open: (id) =>
      db
        .selectFrom('rollouts')
        .selectAll()
        .where('batchId', '=', id)
        .where('closedAt', 'is', null)
        .orderBy('createdAt')
        .execute(),

    move: (id, from, to) =>
      told(
        db,
        db.updateTable('batches').set({ status: to }).where('id', '=', id).where('status', 'in', from).returningAll(),
      ),

    setConcurrency: (id, concurrency) =>
      told(
        db,
        db
          .updateTable('batches')
          .set({ concurrency })
          .where('id', '=', id)
          .where('status', 'not in', closedForGood)
          .returningAll(),
      ),

    retry: (id, selection) => db.transaction().execute((tx) => retryWithin(tx, id, selection)),

    counts: (id) => readCounts(db, id),
    sums: (id) => readSums(db, id),

    async rewards(id, passThreshold) {
      const { rows } = await sql<SeedRewards>`
        select policy_index as policy, seed, count(reward) as scored, coalesce(sum(reward), 0) as sum,
          count(*) filter (where reward >= ${passThreshold}) as passed
        from (${newest(id)}) newest
        group by policy_index, seed order by policy_index, seed`.execute(db);
      return rows;
    },

    results: (id, after, limit) =>
      db
        .selectFrom('rollouts')
        .distinctOn('batchCell')
        .selectAll()
        .where('batchId', '=', id)
        .where('batchCell', '>', after)
        .orderBy('batchCell')
        .orderBy('batchGeneration', 'desc')
        .limit(limit)
        .execute(),

    events: (id, after, limit) => readBatchEvents(db, id, after, limit),
  };
}

const stateColumns = [
  'id',
  'organization',
  'deploymentId',
  'deploymentName',
  'name',
  'status',
  'stopReason',
  'planned',
  'total',
  'cursor',
  'concurrency',
  'priority',
  'generation',
  'snapshotName',
  'createdAt',
  'retriedAt',
  'closedAt',
] as const satisfies readonly (keyof BatchState)[];

/** Changes a batch, if it is one that may be changed so, and tells it among its events. */
async function told(db: Db, change: Compilable<BatchRow>): Promise<BatchRow | undefined> {
  return (await toldOfBatch(change).execute(db)).rows[0];
}

async function changed(db: Db, change: Compilable<BatchRow>): Promise<BatchRow> {
  const row = await told(db, change);
  if (!row) throw new Error('a batch that was to be changed is not there');
  return row;
}

/** Figures go by the newest rollout of each cell: a retry takes the place of what it makes up for. */
const newest = (id: string) => sql`
  select distinct on (batch_cell) * from rollouts where batch_id = ${id}
  order by batch_cell, batch_generation desc`;

async function lock(tx: Db, id: string): Promise<BatchRow | undefined> {
  return tx.selectFrom('batches').selectAll().where('id', '=', id).forUpdate().executeTakeFirst();
}

async function turnWithin(tx: Db, id: string, most: number): Promise<BatchTurn | undefined> {
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

const changeOf = (
  tx: Db,
  id: string,
  change: Partial<Pick<BatchRow, 'status' | 'stopReason' | 'cursor' | 'total' | 'retriedAt' | 'closedAt'>>,
) => tx.updateTable('batches').set(change).where('id', '=', id).returningAll();

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

async function retryWithin(tx: Db, id: string, { classes, seeds }: RetrySelection): Promise<number> {
  const batch = await lock(tx, id);
  if (!batch) return 0;
  const { rows } = await sql<{ id: string; cell: number; failureClass: FailureClass | null; missing: boolean }>`
    select id, batch_cell as cell, failure_class, closed_at is not null and reward is null as missing
    from (${newest(id)}) newest`.execute(tx);
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
  await changed(tx, changeOf(tx, id, change));
  return cells.length;
}

/** Cells that an open batch is going to retry anyway. */
async function pendingRetries(tx: Db, { id, cursor, closedAt }: BatchRow): Promise<ReadonlySet<number>> {
  if (closedAt !== null) return new Set();
  const retries = await tx.selectFrom('batchGenerations').selectAll().where('batchId', '=', id).execute();
  const ahead = retries.flatMap(({ first, cells }) => cells.filter((_, index) => first + index >= cursor));
  return new Set(ahead.map(({ cell }) => cell));
}
