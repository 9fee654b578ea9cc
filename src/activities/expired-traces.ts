import type { ActivityScope } from './activity.ts';
import type { ActivityDeps } from './deps.ts';

const dayMs = 24 * 3_600_000;
const page = 100;

/**
 * Removes what rollouts left that ended longer ago than such is kept; returns of how many. Each of them whole or not at all:
 * after a crash the rest is done by the next run.
 */
export async function removeExpiredTraces(
  { store, disk, logger }: Pick<ActivityDeps, 'store' | 'disk' | 'logger'>,
  { signal, report }: Pick<ActivityScope, 'signal' | 'report'>,
  { dryRun, now }: { readonly dryRun: boolean; readonly now: number },
): Promise<number> {
  const { traceDays } = disk;
  if (traceDays === undefined) return 0;
  const before = new Date(now - traceDays * dayMs);
  if (dryRun) return store.traces.countEndedBefore(before);
  let removed = 0;
  for (;;) {
    const ids = await store.traces.endedBefore(before, page);
    for (const id of ids) {
      signal.throwIfAborted();
      report(`removing what rollout ${id} left`);
      if (await store.traces.remove(id, traceDays)) removed += 1;
    }
    if (ids.length < page) break;
  }
  if (removed > 0) logger.info({ rollouts: removed, before }, 'removed what rollouts had left');
  return removed;
}
