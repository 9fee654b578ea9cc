/** A snapshot as it lies at the provider. */
export interface KeptSnapshot {
  readonly name: string;
  readonly lastUsedAt: Date;
  /** Something runs on it, or is about to. */
  readonly isNeeded: boolean;
  /** Bytes of what it consists of, by ids that are the same where snapshots share it. */
  readonly layers: ReadonlyMap<string, number>;
}

export interface Eviction {
  readonly name: string;
  /** What its removal frees once those before it are removed. */
  readonly bytes: number;
}

/**
 * Which snapshots have to go so that the rest takes no more than `quotaBytes`: those first that were not used for longest.
 * Never one that is needed, nor one whose layers are all held by those: that would free nothing, whatever else goes.
 */
export function evictions(snapshots: readonly KeptSnapshot[], quotaBytes: number): readonly Eviction[] {
  const holders = new Map<string, number>();
  for (const { layers } of snapshots) for (const id of layers.keys()) holders.set(id, (holders.get(id) ?? 0) + 1);
  const pinned = new Set(snapshots.filter(({ isNeeded }) => isNeeded).flatMap(({ layers }) => [...layers.keys()]));
  const evicted: Eviction[] = [];
  let used = bytesOf(snapshots);
  for (const { name, layers, isNeeded } of snapshots.toSorted(byLastUse)) {
    if (used <= quotaBytes) break;
    if (isNeeded || [...layers.keys()].every((id) => pinned.has(id))) continue;
    let bytes = 0;
    for (const [id, size] of layers) {
      const left = (holders.get(id) ?? 0) - 1;
      holders.set(id, left);
      if (left === 0) bytes += size;
    }
    used -= bytes;
    evicted.push({ name, bytes });
  }
  return evicted;
}

const byLastUse = (a: KeptSnapshot, b: KeptSnapshot): number => a.lastUsedAt.getTime() - b.lastUsedAt.getTime();

/** What snapshots take together: a layer that several have is there once. */
export function bytesOf(snapshots: readonly Pick<KeptSnapshot, 'layers'>[]): number {
  const layers = new Map(snapshots.flatMap(({ layers: own }) => [...own]));
  return [...layers.values()].reduce((sum, bytes) => sum + bytes, 0);
}
