import type { GarbageKind, GcReport, GcRequest } from '../model/garbage.ts';
import type { ActivityScope } from './activity.ts';
import type { ActivityDeps } from './deps.ts';
import { bytesOf, evictions, type KeptSnapshot } from './eviction.ts';
import { removeExpiredTraces } from './expired-traces.ts';
import { sweepSandboxes } from './orphans.ts';
import { sweepLeftovers } from './provider-leftovers.ts';

/** What was used within this time is kept whatever the quota says: it may just be handed to a deployment or a rollout. */
const inHandMilliseconds = 10 * 60_000;

/** A blob that nothing refers to is kept for this long: whoever put it may still be about to write down its ref. */
const blobGraceMs = 24 * 3_600_000;

type GarbageDeps = Pick<ActivityDeps, 'store' | 'provider' | 'agents' | 'disk' | 'logger'>;
type GarbageScope = Pick<ActivityScope, 'signal' | 'report'>;

/** Numbers and bytes of what went, by kind. */
class Removed {
  private readonly sums = new Map<GarbageKind, { count: number; bytes: number }>();

  add(kind: GarbageKind, count: number, bytes: number): void {
    if (count === 0 && bytes === 0) return;
    const before = this.sums.get(kind) ?? { count: 0, bytes: 0 };
    this.sums.set(kind, { count: before.count + count, bytes: before.bytes + bytes });
  }

  list(): GcReport['removed'] {
    return [...this.sums].map(([kind, sum]) => ({ kind, ...sum }));
  }
}

/** Removes what nobody needs beyond what is to be kept, or only tells what that is. May be broken off anywhere. */
export async function collectGarbage(
  deps: GarbageDeps,
  { dry_run: dryRun, older_than_s: olderThan }: GcRequest,
  scope: GarbageScope,
  now = Date.now(),
): Promise<GcReport> {
  const { provider, disk, logger } = deps;
  const { signal, report } = scope;
  const removed = new Removed();
  const sweep = { dryRun, before: new Date(now - olderThan * 1000) };

  // The sandboxes first, since they use what comes after them.
  report('looking for sandboxes that nobody owns');
  removed.add('sandbox', (await sweepSandboxes(deps, scope, sweep)).length, 0);
  const snapshots = await trimSnapshots(deps, dryRun, scope, now, removed);
  for (const { kind, bytes } of await sweepLeftovers(deps, scope, sweep)) removed.add(kind, 1, bytes);
  if (disk.buildCacheBytes !== undefined) {
    report('trimming the build cache');
    const trimmed = await provider.trimBuildCache(disk.buildCacheBytes, dryRun, signal);
    removed.add('build cache', trimmed?.count ?? 0, trimmed?.bytes ?? 0);
  }

  removed.add('trace', await removeExpiredTraces(deps, scope, { dryRun, now }), 0);
  report('looking through the blobs');
  const blobs = await deps.store.blobs.sweep({
    owner: await deps.store.identity(),
    references: deps.store.blobReferences(),
    untouchedSince: new Date(now - blobGraceMs),
    dryRun,
    signal,
  });
  if (blobs) removed.add('blob', blobs.removed.count, blobs.removed.bytes);
  else logger.warn('the blobs of this data folder are those of another database, and left as they are');
  return {
    dry_run: dryRun,
    removed: removed.list(),
    snapshots: { ...snapshots, quota_bytes: disk.snapshotBytes ?? null },
    blobs: blobs?.kept ?? null,
    trace_days: disk.traceDays ?? null,
  };
}

/** Removes snapshots beyond their quota; returns what is left. */
async function trimSnapshots(
  deps: GarbageDeps,
  dryRun: boolean,
  { signal, report }: GarbageScope,
  now: number,
  removed: Removed,
): Promise<{ readonly count: number; readonly bytes: number }> {
  const { provider, disk, logger } = deps;
  report('looking through the snapshots');
  const snapshots = await keptSnapshots(deps, signal, now);
  const gone = new Set<string>();
  for (const { name, bytes } of evictions(snapshots, disk.snapshotBytes ?? Number.POSITIVE_INFINITY)) {
    report(`removing snapshot ${name}`);
    if (!dryRun && !(await provider.removeSnapshot(name, signal))) continue;
    if (!dryRun) logger.info({ name, bytes }, 'removed a snapshot beyond the quota');
    gone.add(name);
    removed.add('snapshot', 1, bytes);
  }
  const left = snapshots.filter(({ name }) => !gone.has(name));
  return { count: left.length, bytes: bytesOf(left) };
}

/** Goes by the provider's list: a snapshot that the store does not know was last used when it was made. */
async function keptSnapshots(
  { store, provider }: GarbageDeps,
  signal: AbortSignal,
  now: number,
): Promise<readonly KeptSnapshot[]> {
  const listed = await provider.listSnapshots(signal);
  const used = await store.snapshots.lastUsed(listed.map(({ name }) => name));
  const building = (await store.deployments.openBuilds(new Date(now))).flatMap(
    ({ snapshotName }) => snapshotName ?? [],
  );
  const needed = new Set([...(await store.rollouts.snapshotsInUse()), ...building]);
  return listed.map(({ name, createdAt, layers }) => {
    const lastUsedAt = used.get(name) ?? createdAt;
    const isNeeded = needed.has(name) || now - lastUsedAt.getTime() < inHandMilliseconds;
    return { name, lastUsedAt, isNeeded, layers };
  });
}
