import { EventEmitter, once } from 'node:events';
import { type Compilable, type RawBuilder, type Selectable, sql } from 'kysely';
import type { Capacity } from '../model/capacity.ts';
import type { RolloutResult } from '../model/result.ts';
import { type RolloutRequest, type RolloutStatus, rolloutStatuses } from '../model/rollout.ts';
import { tellBatch } from './batch-events.ts';
import { fits, heldByOwner, heldInAll, queue } from './admission.ts';
import { type Db, toJson } from './database.ts';
import { untilUnique } from './events.ts';
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
  readonly comparison: string | null;
  readonly seed: number | null;
  readonly agent: string;
  readonly model: string | null;
  readonly request: RolloutRequest;
}

/**
 * `admitted`: it has a place and may go on; `full`: so many wait before it; `foreign`: there is none, it is closed, or
 * another workflow run owns it.
 */
export type Admission =
  | { readonly kind: 'admitted'; readonly row: RolloutRow }
  | { readonly kind: 'full'; readonly ahead: number }
  | { readonly kind: 'foreign' };

/** A run of a workflow: the id of a workflow alone may stand for several runs, one after the other. */
export interface WorkflowRun {
  readonly workflowId: string;
  readonly workflowRunId: string;
}

export interface RolloutStore {
  /** Undefined where the id is there already. */
  insert(rollout: PlannedRollout): Promise<RolloutRow | undefined>;
  find(id: string): Promise<RolloutRow | undefined>;
  list(organization: string, filter: RolloutFilter): Promise<readonly RolloutRow[]>;
  /** Gives a rollout one of the places for running ones, in the order of `store/admission.ts`. Idempotent for one workflow run. */
  admit(id: string, run: WorkflowRun, capacity: Capacity): Promise<Admission>;
  /** Whether there is room for one more, of that size, behind all who wait: for those who have not even made a rollout yet. */
  hasRoom(capacity: Capacity, size: Pick<Capacity, 'cpuCores' | 'memoryMb'>): Promise<boolean>;
  /** Moves an open rollout on, never back. Undefined where it is further, closed, or another workflow run owns it. */
  enter(id: string, workflowRunId: string, status: RolloutStatus, attempt: number): Promise<RolloutRow | undefined>;
  /** Writes the result, once: undefined where it was closed before or another workflow run owns it. */
  close(
    id: string,
    workflowRunId: string,
    status: RolloutStatus,
    result: RolloutResult,
  ): Promise<RolloutRow | undefined>;
  /** Resolves when this process closes the rollout, or with the signal; another process's closing is not heard. */
  closing(id: string, signal: AbortSignal): Promise<void>;
  /** Gives the place back. Idempotent. */
  release(id: string): Promise<void>;
  /** Not closed, or closed and still holding a place; made before `before`. For the reconciler. */
  unsettled(before: Date): Promise<readonly RolloutRow[]>;
  /** Which of these are open or still hold a place, for the sweeper. */
  live(ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** What open rollouts run on, or will. */
  snapshotsInUse(): Promise<ReadonlySet<string>>;
}

export interface RolloutFilter {
  readonly limit: number;
  readonly offset: number;
  readonly deploymentId?: string | undefined;
  readonly comparison?: string | undefined;
  readonly status?: RolloutStatus | undefined;
}

/** The rollouts that hold a place; any number of them may be asked about it, one at a time decides. */
const placesLock = 4_207_116_001;

export function rolloutStore(db: Db, bell: EventEmitter): RolloutStore {
  const closings = new EventEmitter().setMaxListeners(0);

  /** Changes a rollout's status, which becomes one of its events by the same statement, and rings for who follows them. */
  async function noted(change: Compilable<RolloutRow>): Promise<RolloutRow | undefined> {
    const statement = sql<RolloutRow>`with moved as (${change}), ${noteStatus} select * from moved`;
    const [row] = (await untilUnique(() => statement.execute(db))).rows;
    if (row) bell.emit(row.id);
    return row;
  }

  return {
    insert: ({ request, ...rollout }) =>
      noted(
        db
          .insertInto('rollouts')
          .values({
            ...rollout,
            request: toJson(request),
            status: 'queued',
            ...sizeOf(rollout),
          })
          .onConflict((conflict) => conflict.column('id').doNothing())
          .returningAll(),
      ),

    find: (id) => db.selectFrom('rollouts').selectAll().where('id', '=', id).executeTakeFirst(),

    list(organization, { limit, offset, deploymentId, comparison, status }) {
      let query = db.selectFrom('rollouts').selectAll().where('organization', '=', organization);
      if (deploymentId) query = query.where('deploymentId', '=', deploymentId);
      if (comparison) query = query.where('comparison', '=', comparison);
      if (status) query = query.where('status', '=', status);
      return query.orderBy('createdAt', 'desc').orderBy('id').limit(limit).offset(offset).execute();
    },

    async admit(id, run, capacity) {
      const row = await untilUnique(() =>
        db.transaction().execute(async (tx) => {
          await sql`select pg_advisory_xact_lock(${placesLock})`.execute(tx);
          return (await admission(id, run, capacity).execute(tx)).rows[0];
        }),
      );
      if (!row) return { kind: 'foreign' };
      const { ahead, ...rollout } = row;
      if (!rollout.admittedAt) return { kind: 'full', ahead };
      bell.emit(id);
      return { kind: 'admitted', row: rollout };
    },

    async hasRoom(capacity, { cpuCores, memoryMb }) {
      const found = await sql<{ fits: boolean }>`
        with held as (${heldByOwner}), taken as (${heldInAll}), place as (
          select count(*) as ahead, coalesce(sum(cpu_cores), 0) + ${cpuCores}::double precision as cpu_cores,
            coalesce(sum(memory_mb), 0) + ${memoryMb}::bigint as memory_mb
          from rollouts where closed_at is null and admitted_at is null
        ) select ${fits(capacity)} as fits from place cross join taken`.execute(db);
      return found.rows[0]?.fits ?? false;
    },

    enter: (id, workflowRunId, status, attempt) =>
      noted(
        db
          .updateTable('rollouts')
          .set({ status, attempt })
          .where('id', '=', id)
          .where('workflowRunId', '=', workflowRunId)
          .where('closedAt', 'is', null)
          .where((eb) =>
            eb.or([
              eb('attempt', '<', attempt),
              eb.and([eb('attempt', '=', attempt), eb('status', 'in', upTo(status))]),
            ]),
          )
          .returningAll(),
      ),

    async close(id, workflowRunId, status, result) {
      const closed = await noted(
        db
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
          .returningAll(),
      );
      if (closed) closings.emit(id);
      return closed;
    },

    async closing(id, signal) {
      await once(closings, id, { signal }).catch(() => {});
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

    async snapshotsInUse() {
      const open = db.selectFrom('rollouts').select('snapshotName').distinct().where('closedAt', 'is', null);
      return new Set((await open.execute()).map(({ snapshotName }) => snapshotName));
    },
  };
}

/** What a new rollout takes of the capacity: its generation's limits. Every insert into the table has to say it. */
export const sizeOf = (rollout: Pick<PlannedRollout, 'deploymentId' | 'generation'>) => ({
  cpuCores: limitOf(rollout, sql`'cpu_cores'`, sql`double precision`),
  memoryMb: limitOf(rollout, sql`'memory_mb'`, sql`integer`),
});

const limitOf = (
  { deploymentId, generation }: Pick<PlannedRollout, 'deploymentId' | 'generation'>,
  limit: RawBuilder<unknown>,
  type: RawBuilder<unknown>,
) => sql<number>`(
  select (limits ->> ${limit})::${type} from generations
  where deployment_id = ${deploymentId} and generation = ${generation})`;

/** The states that come no later within an attempt. */
const upTo = (status: RolloutStatus): readonly RolloutStatus[] =>
  rolloutStatuses.slice(0, rolloutStatuses.indexOf(status) + 1);

/**
 * Parts of a `with`: every change of a rollout's status is one of its events, and of its batch's, all or none; `moved` is the
 * row as it has become.
 */
export const noteStatus = sql`noted as (
  insert into events (rollout_id, seq, key, type, attempt, data)
  select id, (select coalesce(max(seq), 0) + 1 from events where rollout_id = moved.id),
    'status/' || attempt || '/' || status, 'status', attempt,
    jsonb_build_object('type', 'status', 'status', status) || case when closed_at is null then '{}'
      else jsonb_build_object('reward', reward, 'failure', result -> 'failure') end
  from moved
  where not exists (select 1 from events where rollout_id = moved.id and key = 'status/' || attempt || '/' || status)
  returning rollout_id
  ), ${tellBatch}`;

/**
 * Binds a rollout to a workflow run and gives it a place if there is room for it and all who stand before it: one
 * statement, since every rollout pays for it. No row: it is closed or another run's.
 */
const admission = (id: string, { workflowId, workflowRunId }: WorkflowRun, capacity: Capacity) => sql<
  RolloutRow & { ahead: number }
>`
  with me as (
    select id from rollouts
    where id = ${id} and closed_at is null and (workflow_run_id is null or workflow_run_id = ${workflowRunId})
  ), held as (${heldByOwner}), taken as (${heldInAll}), queue as (
    ${queue(sql`(workflow_run_id is not null or id = ${id})`)}
  ), decided as (
    select me.id, coalesce(place.ahead, 0) as ahead, coalesce(${fits(capacity)}, false) as fits
    from me cross join taken left join queue place on place.id = me.id
  ), moved as (
  update rollouts set
    workflow_id = ${workflowId},
    workflow_run_id = ${workflowRunId},
    attempt = greatest(attempt, 1),
    status = case when admitted_at is null and decided.fits then 'provisioning' else status end,
    admitted_at = coalesce(admitted_at, case when decided.fits then now() end)
  from decided
  where rollouts.id = decided.id
  returning rollouts.*, decided.ahead as ahead
  ), ${noteStatus}
  select * from moved`;
