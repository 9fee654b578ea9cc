import type { Selectable } from 'kysely';
import { HarborError } from '../model/errors.ts';
import type { OverrideResult } from '../model/context-override.ts';
import type { Failure } from '../model/failures.ts';
import { type Db, toJson } from './database.ts';
import type { Database } from './schema.ts';

export type AttemptRow = Selectable<Database['attempts']>;

/** When a phase of an attempt was reached. */
export type AttemptMark = 'provisionedAt' | 'agentStartedAt' | 'agentEndedAt' | 'evaluatedAt' | 'endedAt';

export interface AttemptStore {
  /** Idempotent. */
  begin(rolloutId: string, attempt: number, sandboxName: string): Promise<void>;
  find(rolloutId: string, attempt: number): Promise<AttemptRow | undefined>;
  /** In order. */
  list(rolloutId: string): Promise<readonly AttemptRow[]>;
  /** Says when a phase was reached, once: what was said before stays. */
  mark(rolloutId: string, attempt: number, mark: AttemptMark): Promise<AttemptRow>;
  /** What became of the overrides. */
  setOverrides(rolloutId: string, attempt: number, results: readonly OverrideResult[]): Promise<void>;
  /** Ends an attempt, with its failure where there was one. The first word counts. */
  end(rolloutId: string, attempt: number, failure: Failure | null): Promise<void>;
  /** Attempts that have not ended: of rollouts that are open, or of those that are closed and not torn down yet. */
  notEnded(rollouts: 'open' | 'closed'): Promise<readonly AttemptRow[]>;
  setPaused(rolloutId: string, attempt: number): Promise<void>;
  /** Adds the pause to the attempt's paused time. */
  setResumed(rolloutId: string, attempt: number): Promise<void>;
}

export function attemptStore(db: Db): AttemptStore {
  const find: AttemptStore['find'] = (rolloutId, attempt) =>
    db
      .selectFrom('attempts')
      .selectAll()
      .where('rolloutId', '=', rolloutId)
      .where('attempt', '=', attempt)
      .executeTakeFirst();

  return {
    find,
    async begin(rolloutId, attempt, sandboxName) {
      await db
        .insertInto('attempts')
        .values({ rolloutId, attempt, sandboxName })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    },
    list: (rolloutId) =>
      db.selectFrom('attempts').selectAll().where('rolloutId', '=', rolloutId).orderBy('attempt').execute(),
    mark: (rolloutId, attempt, mark) =>
      db
        .updateTable('attempts')
        .set((eb) => ({ [mark]: eb.fn.coalesce(mark, eb.val(new Date())) }))
        .where('rolloutId', '=', rolloutId)
        .where('attempt', '=', attempt)
        .returningAll()
        .executeTakeFirstOrThrow(() => new HarborError('internal', `rollout ${rolloutId} has no attempt ${attempt}`)),
    async setOverrides(rolloutId, attempt, results) {
      await db
        .updateTable('attempts')
        .set({ overrides: toJson(results) })
        .where('rolloutId', '=', rolloutId)
        .where('attempt', '=', attempt)
        .execute();
    },
    async end(rolloutId, attempt, failure) {
      await db
        .updateTable('attempts')
        .set({
          endedAt: new Date(),
          failureClass: failure?.class ?? null,
          failureMessage: failure?.message ?? null,
        })
        .where('rolloutId', '=', rolloutId)
        .where('attempt', '=', attempt)
        .where('endedAt', 'is', null)
        .execute();
    },
    notEnded: (rollouts) =>
      db
        .selectFrom('attempts')
        .innerJoin('rollouts', 'rollouts.id', 'attempts.rolloutId')
        .selectAll('attempts')
        .where('attempts.endedAt', 'is', null)
        .where('rollouts.closedAt', rollouts === 'open' ? 'is' : 'is not', null)
        .execute(),
    async setPaused(rolloutId, attempt) {
      await db
        .updateTable('attempts')
        .set({ pausedAt: new Date() })
        .where('rolloutId', '=', rolloutId)
        .where('attempt', '=', attempt)
        .where('pausedAt', 'is', null)
        .execute();
    },
    async setResumed(rolloutId, attempt) {
      const row = await find(rolloutId, attempt);
      if (!row?.pausedAt) return;
      await db
        .updateTable('attempts')
        .set({ pausedAt: null, pausedMs: row.pausedMs + (Date.now() - row.pausedAt.getTime()) })
        .where('rolloutId', '=', rolloutId)
        .where('attempt', '=', attempt)
        .where('pausedAt', '=', row.pausedAt)
        .execute();
    },
  };
}
