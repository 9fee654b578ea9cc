import type { GarbageKind, GcReport, GcRequest } from '../model/garbage.ts';
import type { ActivityScope } from './activity.ts';
import type { ActivityDeps } from './deps.ts';
import { orphanMs, sweepLeftovers } from './provider-leftovers.ts';
import { bytesOf, evictions, type KeptSnapshot } from './eviction.ts';

/** What was used within this time is kept whatever the quota says: it may just be handed to a deployment or a rollout. */
const inHandMilliseconds = 10 * 60_000;

type GarbageDeps = Pick<ActivityDeps, 'store' | 'provider' | 'agents' | 'disk' | 'logger'>;

/** Removes what nobody needs beyond what is to be kept, or only tells what that is. */
export async function collectGarbage(
  deps: GarbageDeps,
  { dry_run: dryRun }: GcRequest,
  { signal, report }: Pick<ActivityScope, 'signal' | 'report'>,
  now = Date.now(),
): Promise<GcReport> {
  const { provider, disk, logger } = deps;
  const removed = new Map<GarbageKind, { count: number; bytes: number }>();
  const note = (kind: GarbageKind, name: string, bytes: number): void => {
    const before = removed.get(kind) ?? { count: 0, bytes: 0 };
    removed.set(kind, { count: before.count + 1, bytes: before.bytes + bytes });
    if (!dryRun) logger.info({ kind, name, bytes }, 'removed what nobody needs');
  };

  report('looking through the snapshots');
  const snapshots = await keptSnapshots(deps, signal, now);
  const gone = new Set<string>();
  for (const { name, bytes } of evictions(snapshots, disk.snapshotBytes ?? Number.POSITIVE_INFINITY)) {
    report(`removing snapshot ${name}`);
    if (!dryRun && !(await provider.removeSnapshot(name, signal))) continue;
    gone.add(name);
    note('snapshot', name, bytes);
  }
  for (const { kind, name, bytes } of await sweepLeftovers(
    deps,
    { signal, report },
    { dryRun, before: new Date(now - orphanMs) },
  )) {
    note(kind, name, bytes);
  }
  const left = snapshots.filter(({ name }) => !gone.has(name));
  return {
    dry_run: dryRun,
    removed: [...removed].map(([kind, sum]) => ({ kind, ...sum })),
    snapshots: { count: left.length, bytes: bytesOf(left), quota_bytes: disk.snapshotBytes ?? null },
  };
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
