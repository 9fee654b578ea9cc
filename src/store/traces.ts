import { type SelectQueryBuilder, sql } from 'kysely';
import { agentLogId, testsLogId } from '../model/ids.ts';
import { type Db, toJson } from './database.ts';
import type { Database } from './schema.ts';

/**
 * What rollouts leave beside their rows: bodies of calls, logs, artifacts, the output among their events. It may be removed
 * some time after they have ended; results, rewards, costs and the table of calls stay for ever.
 */
export interface TraceStore {
  /** Ids of rollouts that ended before then and have theirs still, those first that ended first. */
  endedBefore(before: Date, limit: number): Promise<readonly string[]>;
  countEndedBefore(before: Date): Promise<number>;
  /** Removes all of one rollout, at once; `keptDays` says why. False where that was done before, or the rollout is open. */
  remove(rolloutId: string, keptDays: number): Promise<boolean>;
}

export function traceStore(db: Db): TraceStore {
  const ended = <T>(query: SelectQueryBuilder<Database, 'rollouts', T>, before: Date) =>
    query.where('closedAt', '<', before).where('traceRemovedAt', 'is', null);

  return {
    async endedBefore(before, limit) {
      const query = ended(db.selectFrom('rollouts').select('id'), before).orderBy('closedAt').limit(limit);
      return (await query.execute()).map(({ id }) => id);
    },
    async countEndedBefore(before) {
      const query = ended(db.selectFrom('rollouts').select(sql<number>`count(*)::integer`.as('count')), before);
      return (await query.executeTakeFirstOrThrow()).count;
    },
    remove: (rolloutId, keptDays) => db.transaction().execute((tx) => removeWithin(tx, rolloutId, keptDays)),
  };
}

async function removeWithin(tx: Db, rolloutId: string, keptDays: number): Promise<boolean> {
  const row = await tx
    .updateTable('rollouts')
    .set({ traceRemovedAt: new Date(), traceKeptDays: keptDays })
    .where('id', '=', rolloutId)
    .where('closedAt', 'is not', null)
    .where('traceRemovedAt', 'is', null)
    .returning('attempt')
    .executeTakeFirst();
  if (!row) return false;
  const omitted = `it was removed ${keptDays} days after the rollout had ended`;
  await tx
    .updateTable('calls')
    .set({ requestRef: null, responseRef: null })
    .where('rolloutId', '=', rolloutId)
    .execute();
  await tx
    .updateTable('artifacts')
    .set({ ref: null, omitted })
    .where('rolloutId', '=', rolloutId)
    .where('ref', 'is not', null)
    .execute();
  const logIds = Array.from({ length: row.attempt }, (_, index) => index + 1).flatMap((attempt) => [
    agentLogId(rolloutId, attempt),
    testsLogId(rolloutId, attempt),
  ]);
  if (logIds.length > 0) {
    await tx.deleteFrom('logs').where('id', 'in', logIds).execute();
    await tx.deleteFrom('logChunks').where('logId', 'in', logIds).execute();
  }
  await removeOutput(tx, rolloutId, omitted);
  return true;
}

/** The first event that held output says what has become of it and the others. */
async function removeOutput(tx: Db, rolloutId: string, why: string): Promise<void> {
  const output = ['log', 'agent'] as const;
  const first = await tx
    .selectFrom('events')
    .select('seq')
    .where('rolloutId', '=', rolloutId)
    .where('type', 'in', output)
    .orderBy('seq')
    .limit(1)
    .executeTakeFirst();
  if (!first) return;
  await tx
    .deleteFrom('events')
    .where('rolloutId', '=', rolloutId)
    .where('type', 'in', output)
    .where('seq', '>', first.seq)
    .execute();
  await tx
    .updateTable('events')
    .set({ type: 'notice', data: toJson({ type: 'notice', message: `the output stood here; ${why}` }) })
    .where('rolloutId', '=', rolloutId)
    .where('seq', '=', first.seq)
    .execute();
}
