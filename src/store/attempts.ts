import { type Selectable, sql } from 'kysely';
import { HarborError } from '../model/errors.ts';
import type { OverrideResult } from '../model/context-override.ts';
import type { Failure } from '../model/failures.ts';
import type { SessionResume } from '../model/resume.ts';
import { tallyBegun } from './batch-tallies.ts';
import { type Db, toJson } from './database.ts';
import type { Database } from './schema.ts';

export type AttemptRow = Selectable<Database['attempts']>;

/** When a phase of an attempt was reached. */
export type AttemptMark = 'provisionedAt' | 'agentStartedAt' | 'quiescedAt' | 'testsStartedAt' | 'evaluatedAt';

export interface AttemptStore {
  /** Idempotent. */
  begin(rolloutId: string, attempt: number, sandboxName: string): Promise<void>;
  find(rolloutId: string, attempt: number): Promise<AttemptRow | undefined>;
  /** In order. */
  list(rolloutId: string): Promise<readonly AttemptRow[]>;
  /** Says when a phase was reached, once: what was said before stays. Throws `cancelled` where the attempt has ended. */
  mark(rolloutId: string, attempt: number, mark: AttemptMark): Promise<AttemptRow>;
  /**
   * Takes up the agent's session, or ends it for good; one of the two happens, once, behind the `known` resumes that were
   * before. Undefined: the other has happened, by another worker, or the attempt has ended.
   */
  resumeAgent(
    rolloutId: string,
    attempt: number,
    known: number,
    resume: SessionResume,
  ): Promise<AttemptRow | undefined>;
  endAgent(rolloutId: string, attempt: number, known: number): Promise<AttemptRow | undefined>;
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

/** Whether an attempt has ended, or its rollout is closed: whoever still writes what happened in it comes too late. */
export const hasEnded = (rolloutId: string, attempt: number) => sql<boolean>`exists (
  select 1 from rollouts join attempts on attempts.rollout_id = rollouts.id
  where rollouts.id = ${rolloutId} and attempts.attempt = ${attempt} and (ended_at is not null or closed_at is not null))`;

const resumeCount = sql<number>`jsonb_array_length(resumes)`;

export function attemptStore(db: Db): AttemptStore {
  const find: AttemptStore['find'] = (rolloutId, attempt) =>
    db
      .selectFrom('attempts')
      .selectAll()
      .where('rolloutId', '=', rolloutId)
      .where('attempt', '=', attempt)
      .executeTakeFirst();

  /** Whoever comes late changes nothing of an attempt that has ended. */
  const open = (rolloutId: string, attempt: number) =>
    db
      .updateTable('attempts')
      .where('rolloutId', '=', rolloutId)
      .where('attempt', '=', attempt)
      .where('endedAt', 'is', null);

  return {
    find,
    async begin(rolloutId, attempt, sandboxName) {
      const begun = db
        .insertInto('attempts')
        .values({ rolloutId, attempt, sandboxName })
        .onConflict((conflict) => conflict.doNothing())
        .returning('rolloutId');
      await sql`with begun as (${begun}) ${tallyBegun}`.execute(db);
    },
    list: (rolloutId) =>
      db.selectFrom('attempts').selectAll().where('rolloutId', '=', rolloutId).orderBy('attempt').execute(),
    mark: (rolloutId, attempt, mark) =>
      open(rolloutId, attempt)
        .set((eb) => ({
          [mark]: eb.fn.coalesce(mark, eb.val(new Date())),
          ...(mark === 'testsStartedAt' && {
            pausedBeforeTestsMs: sql<number>`case when tests_started_at is null then paused_ms else paused_before_tests_ms end`,
          }),
        }))
        .returningAll()
        .executeTakeFirstOrThrow(
          () => new HarborError('cancelled', `attempt ${attempt} of rollout ${rolloutId} has ended`),
        ),
    resumeAgent: (rolloutId, attempt, known, resume) =>
      open(rolloutId, attempt)
        .set({ resumes: sql<string>`resumes || ${toJson([resume])}::jsonb` })
        .where('agentEndedAt', 'is', null)
        .where(resumeCount, '=', known)
        .returningAll()
        .executeTakeFirst(),
    endAgent: (rolloutId, attempt, known) =>
      open(rolloutId, attempt)
        .set((eb) => ({ agentEndedAt: eb.fn.coalesce('agentEndedAt', eb.val(new Date())) }))
        .where(resumeCount, '=', known)
        .returningAll()
        .executeTakeFirst(),
    async setOverrides(rolloutId, attempt, results) {
      await open(rolloutId, attempt)
        .set({ overrides: toJson(results) })
        .execute();
    },
    async end(rolloutId, attempt, failure) {
      await open(rolloutId, attempt)
        .set({
          endedAt: new Date(),
          failureClass: failure?.class ?? null,
          failureMessage: failure?.message ?? null,
        })
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
