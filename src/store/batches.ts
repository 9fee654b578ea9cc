import { sql } from 'kysely';
import type { BatchBudget, BatchPlan, BatchStatus } from '../model/batch.ts';
import { type BatchEvent, readBatchEvents } from './batch-events.ts';
import { type BatchCounts, type NewestFigures, readFigures } from './batch-figures.ts';
import { type RetrySelection, retryWithin } from './batch-retry.ts';
import { type BatchRow, changed, told } from './batch-rows.ts';
import { type BatchSums, readSums } from './batch-sums.ts';
import { type BatchSpent, readSpent } from './batch-tallies.ts';
import { type BatchTurn, turnWithin } from './batch-turn.ts';
import { type Db, toJson } from './database.ts';
import { untilUnique } from './events.ts';
import type { RolloutRow } from './rollouts.ts';

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
  figures(id: string, passThreshold: number): Promise<NewestFigures>;
  /** The counts of the figures alone. */
  counts(id: string): Promise<BatchCounts>;
  /** Of all rollouts, those that were retried included: kept as it happens, and cheap. */
  spent(id: string): Promise<BatchSpent>;
  /** Of all rollouts, those that were retried included: added up from all there is, for the ledger. */
  sums(id: string): Promise<BatchSums>;
  /** The newest rollout of each cell behind `after`, by cell. */
  results(id: string, after: number, limit: number): Promise<readonly RolloutRow[]>;
  /** What happened in it behind `after`, in order: of its rollouts every change of status, of itself every change. */
  events(id: string, after: number, limit: number): Promise<readonly BatchEvent[]>;
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

    figures: (id, passThreshold) => readFigures(db, id, passThreshold),
    counts: async (id) => (await readFigures(db, id, 1)).counts,
    spent: (id) => readSpent(db, id),
    sums: (id) => readSums(db, id),

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
