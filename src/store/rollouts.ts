import type { Selectable } from 'kysely';
import type { RolloutResult } from '../model/result.ts';
import type { RolloutRequest, RolloutStatus } from '../model/rollout.ts';
import { type Db, toJson } from './database.ts';
import type { Database } from './schema.ts';

export type RolloutRow = Selectable<Database['rollouts']>;

/** A rollout as it is planned, before anything was spent on it. */
export interface PlannedRollout {
  readonly id: string;
  readonly organization: string;
  readonly deploymentId: string;
  readonly deploymentName: string;
  readonly generation: number;
  readonly snapshotName: string;
  readonly traceCorrelationId: string;
  readonly seed: number | null;
  readonly agent: string;
  readonly model: string | null;
  readonly request: RolloutRequest;
}

/** `admitted`: it has a place and may go on; `full`: so many wait before it; `foreign`: another workflow run owns it. */
export type Admission =
  | { readonly kind: 'admitted' }
  | { readonly kind: 'full'; readonly ahead: number }
  | { readonly kind: 'foreign' };

export interface RolloutStore {
  /** False where the id is there already. */
  insert(rollout: PlannedRollout): Promise<boolean>;
  find(id: string): Promise<RolloutRow | undefined>;
  list(organization: string, filter: RolloutFilter): Promise<readonly RolloutRow[]>;
  /** Gives a rollout one of the places for running ones, in the order of their making. Idempotent for one workflow run. */
  admit(id: string, workflowRunId: string, places: number): Promise<Admission>;
  /** Places that are free now, for those who have not even made a rollout yet. */
  freePlaces(places: number): Promise<number>;
  setStatus(id: string, workflowRunId: string, status: RolloutStatus, attempt: number): Promise<void>;
  /** Writes the result, once: false where it was closed before or another workflow run owns it. */
  close(id: string, workflowRunId: string, status: RolloutStatus, result: RolloutResult): Promise<boolean>;
  /** Gives the place back. Idempotent. */
  release(id: string): Promise<void>;
  /** Not closed, or closed and still holding a place; made before `before`. For the reconciler. */
  unsettled(before: Date): Promise<readonly RolloutRow[]>;
  /** Which of these are open or still hold a place, for the sweeper. */
  live(ids: readonly string[]): Promise<ReadonlySet<string>>;
}

export interface RolloutFilter {
  readonly limit: number;
  readonly offset: number;
  readonly deploymentId?: string | undefined;
  readonly status?: RolloutStatus | undefined;
}

/** The rollouts that hold a place; any number of them may be asked about it, one at a time decides. */
const placesLock = 4_207_116_001;

export function rolloutStore(db: Db): RolloutStore {
  const holding = (tx: Db) =>
    tx
      .selectFrom('rollouts')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('admittedAt', 'is not', null)
      .where('releasedAt', 'is', null)
      .executeTakeFirstOrThrow();

  const waitingBefore = (tx: Db, row: RolloutRow) =>
    tx
      .selectFrom('rollouts')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('closedAt', 'is', null)
      .where('admittedAt', 'is', null)
      .where('workflowRunId', 'is not', null)
      .where((eb) =>
        eb.or([
          eb('createdAt', '<', row.createdAt),
          eb.and([eb('createdAt', '=', row.createdAt), eb('id', '<', row.id)]),
        ]),
      )
      .executeTakeFirstOrThrow();

  return {
    async insert({ request, ...rollout }) {
      const made = await db
        .insertInto('rollouts')
        .values({ ...rollout, request: toJson(request), status: 'queued' })
        .onConflict((conflict) => conflict.doNothing())
        .returning('id')
        .executeTakeFirst();
      return made !== undefined;
    },

    find: (id) => db.selectFrom('rollouts').selectAll().where('id', '=', id).executeTakeFirst(),

    list(organization, { limit, offset, deploymentId, status }) {
      let query = db.selectFrom('rollouts').selectAll().where('organization', '=', organization);
      if (deploymentId) query = query.where('deploymentId', '=', deploymentId);
      if (status) query = query.where('status', '=', status);
      return query.orderBy('createdAt', 'desc').orderBy('id').limit(limit).offset(offset).execute();
    },

    admit: (id, workflowRunId, places) =>
      db.transaction().execute(async (tx) => {
        await lockPlaces(tx);
        const row = await tx
          .updateTable('rollouts')
          .set({ workflowRunId })
          .where('id', '=', id)
          .where('closedAt', 'is', null)
          .where((eb) => eb.or([eb('workflowRunId', 'is', null), eb('workflowRunId', '=', workflowRunId)]))
          .returningAll()
          .executeTakeFirst();
        if (!row) return { kind: 'foreign' };
        if (row.admittedAt) return { kind: 'admitted' };
        const ahead = (await waitingBefore(tx, row)).count;
        const free = places - (await holding(tx)).count;
        if (ahead >= free) return { kind: 'full', ahead };
        await tx
          .updateTable('rollouts')
          .set({ admittedAt: new Date(), status: 'provisioning' })
          .where('id', '=', id)
          .execute();
        return { kind: 'admitted' };
      }),

    async freePlaces(places) {
      const waiting = await db
        .selectFrom('rollouts')
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .where('closedAt', 'is', null)
        .where('admittedAt', 'is', null)
        .executeTakeFirstOrThrow();
      return places - (await holding(db)).count - waiting.count;
    },

    async setStatus(id, workflowRunId, status, attempt) {
      await db
        .updateTable('rollouts')
        .set({ status, attempt })
        .where('id', '=', id)
        .where('workflowRunId', '=', workflowRunId)
        .where('closedAt', 'is', null)
        .execute();
    },

    async close(id, workflowRunId, status, result) {
      const closed = await db
        .updateTable('rollouts')
        .set({
          status,
          closedAt: new Date(),
          reward: result.reward,
          failureClass: result.failure?.class ?? null,
          result: toJson(result),
        })
        .where('id', '=', id)
        .where('closedAt', 'is', null)
        .where((eb) => eb.or([eb('workflowRunId', 'is', null), eb('workflowRunId', '=', workflowRunId)]))
        .returning('id')
        .executeTakeFirst();
      return closed !== undefined;
    },

    async release(id) {
      await db
        .updateTable('rollouts')
        .set({ releasedAt: new Date() })
        .where('id', '=', id)
        .where('admittedAt', 'is not', null)
        .where('releasedAt', 'is', null)
        .execute();
    },

    unsettled: (before) =>
      db
        .selectFrom('rollouts')
        .selectAll()
        .where('createdAt', '<', before)
        .where((eb) =>
          eb.or([eb('closedAt', 'is', null), eb.and([eb('admittedAt', 'is not', null), eb('releasedAt', 'is', null)])]),
        )
        .orderBy('createdAt')
        .execute(),

    async live(ids) {
      if (ids.length === 0) return new Set();
      const rows = await db
        .selectFrom('rollouts')
        .select('id')
        .where('id', 'in', ids)
        .where((eb) =>
          eb.or([eb('closedAt', 'is', null), eb.and([eb('admittedAt', 'is not', null), eb('releasedAt', 'is', null)])]),
        )
        .execute();
      return new Set(rows.map(({ id }) => id));
    },
  };

  async function lockPlaces(tx: Db): Promise<void> {
    await tx.selectNoFrom((eb) => eb.fn('pg_advisory_xact_lock', [eb.val(placesLock)]).as('locked')).execute();
  }
}
