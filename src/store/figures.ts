import { sql } from 'kysely';
import type { BatchStatus } from '../model/batch.ts';
import type { BuildStatus } from '../model/deployment.ts';
import type { FailureClass } from '../model/failures.ts';
import type { RolloutStatus } from '../model/rollout.ts';
import { heldByOwner, heldInAll } from './admission.ts';
import type { Db } from './database.ts';

/** How much there is of what, over all organizations. */
export interface Figures {
  readonly rollouts: readonly { status: RolloutStatus; failureClass: FailureClass | null; n: number }[];
  /** Those that have ended; null: without a failure. */
  readonly attempts: readonly { failureClass: FailureClass | null; n: number }[];
  readonly builds: readonly { status: BuildStatus; n: number }[];
  readonly batches: readonly { status: BatchStatus; n: number }[];
  /** What rollouts with a place hold. */
  readonly held: Held;
  readonly waiting: number;
  /** Of the rollout that has waited longest for a place; 0 where none waits. */
  readonly longestWaitSeconds: number;
}

export interface Held {
  readonly n: number;
  readonly starting: number;
  readonly cpuCores: number;
  readonly memoryMb: number;
}

export interface FigureStore {
  read(): Promise<Figures>;
}

export function figureStore(db: Db): FigureStore {
  return {
    async read() {
      const n = sql<number>`count(*)::int`.as('n');
      const rollouts = await db
        .selectFrom('rollouts')
        .select(['status', 'failureClass', n])
        .groupBy(['status', 'failureClass'])
        .execute();
      const attempts = await db
        .selectFrom('attempts')
        .select(['failureClass', n])
        .where('endedAt', 'is not', null)
        .groupBy('failureClass')
        .execute();
      const builds = await db.selectFrom('builds').select(['status', n]).groupBy('status').execute();
      const batches = await db.selectFrom('batches').select(['status', n]).groupBy('status').execute();
      const held = await sql<Held>`
        with held as (${heldByOwner}), taken as (${heldInAll})
        select n::int as n, starting::int as starting, cpu_cores::float8 as cpu_cores, memory_mb::float8 as memory_mb
        from taken`.execute(db);
      const queue = await sql<{ n: number; seconds: number }>`
        select count(*)::int as n, coalesce(extract(epoch from now() - min(created_at)), 0)::float8 as seconds
        from rollouts where closed_at is null and admitted_at is null`.execute(db);
      const { n: waiting = 0, seconds = 0 } = queue.rows[0] ?? {};
      return {
        rollouts,
        attempts,
        builds,
        batches,
        held: held.rows[0] ?? { n: 0, starting: 0, cpuCores: 0, memoryMb: 0 },
        waiting,
        longestWaitSeconds: Math.max(0, seconds),
      };
    },
  };
}
