import { HarborError } from '../../model/errors.ts';
import { type DiskPlace, findPlace, freeBytes, usedBytes } from './disk-use.ts';
import type { Engine } from './engine.ts';

/** Keeps sandboxes within their `disk_mb`, which overlay2 cannot without project quotas. */
export interface DiskWatch {
  /** Watches a sandbox until the function that it returns is called; an excess is told once, as `disk_full`. */
  readonly watch: (sandbox: string, onExcess: (error: HarborError) => void) => () => void;
}

export interface DiskWatchOptions {
  /** Milliseconds between looks; a sandbox that is watched for less costs nothing. Default 15,000. */
  readonly intervalMs?: number;
  /**
   * Bytes of the engine's disk that sandboxes must leave free: with less, the engine and Harbor's own database fail along
   * with them. Default 1 GiB.
   */
  readonly floorBytes?: number;
}

/** Milliseconds after which a sandbox is measured in any case; where only the engine can measure it, no sooner. */
const measureAgainMs = 5 * 60_000;

interface Watched {
  readonly sandbox: string;
  readonly since: number;
  readonly onExcess: (error: HarborError) => void;
  place?: DiskPlace;
  measured?: { readonly at: number; readonly used: number; readonly free: number | null };
}

export function createDiskWatch(engine: Engine, options: DiskWatchOptions = {}): DiskWatch {
  const { intervalMs = 15_000, floorBytes = 2 ** 30 } = options;
  const watched = new Set<Watched>();
  let timer: NodeJS.Timeout | undefined;

  const tell = (entry: Watched, message: string): void => {
    watched.delete(entry);
    entry.onExcess(new HarborError('disk_full', message, { remedy: "Raise the deployment's limits.disk_mb." }));
  };

  const look = async (): Promise<void> => {
    const crowded: Watched[] = [];
    for (const entry of watched) {
      if (performance.now() - entry.since < intervalMs) continue;
      try {
        const { place, used, free } = await measure(engine, entry, floorBytes);
        if (!watched.has(entry)) continue;
        if (used > place.limitBytes) tell(entry, excess(entry.sandbox, used, place.limitBytes));
        else if (free !== null && free < floorBytes) crowded.push(entry);
      } catch (error) {
        engine.logger.warn({ err: error, sandbox: entry.sandbox }, 'could not measure what a sandbox has written');
      }
    }
    // One at a time: what it gives back may be enough for the others.
    const [largest] = crowded.toSorted((a, b) => (b.measured?.used ?? 0) - (a.measured?.used ?? 0));
    if (largest) tell(largest, crowding(largest));
  };

  const schedule = (): void => {
    if (timer || watched.size === 0) return;
    timer = setTimeout(() => {
      void look().finally(() => {
        timer = undefined;
        schedule();
      });
    }, intervalMs).unref();
  };

  const watch: DiskWatch['watch'] = (sandbox, onExcess) => {
    const entry: Watched = { sandbox, since: performance.now(), onExcess };
    watched.add(entry);
    schedule();
    return () => void watched.delete(entry);
  };
  return { watch };
}

/**
 * What a sandbox has written, measured again only where it can have come near its limit since: to write half of what it
 * had left, it must have taken that much from the disk's free space.
 */
async function measure(
  engine: Engine,
  entry: Watched,
  floorBytes: number,
): Promise<{ place: DiskPlace; used: number; free: number | null }> {
  const place = (entry.place ??= await findPlace(engine, entry.sandbox));
  const free = await freeBytes(place);
  const before = entry.measured;
  if (before && performance.now() - before.at < measureAgainMs) {
    const taken = before.free === null || free === null ? 0 : before.free - free;
    const suspect = taken > (place.limitBytes - before.used) / 2 || (free !== null && free < floorBytes);
    if (!suspect) return { place, used: before.used, free };
  }
  const used = await usedBytes(engine, entry.sandbox, place);
  entry.measured = { at: performance.now(), used, free };
  return { place, used, free };
}

const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;

const excess = (sandbox: string, used: number, limit: number): string =>
  `the sandbox ${sandbox} has written ${mebibytes(used)}; its limit is ${mebibytes(limit)}`;

const crowding = ({ sandbox, measured }: Watched): string =>
  `the disk of the container engine has only ${mebibytes(measured?.free ?? 0)} left, and the sandbox ${sandbox} has ` +
  `written the most to it: ${mebibytes(measured?.used ?? 0)}`;
