import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type BlobFiles, statIfThere } from './blob-files.ts';
import type { BlobSweep, BlobSweepReport } from './blobs.ts';
import { RefSpool } from './ref-spool.ts';

/** Files looked at at a time. */
const concurrency = 16;

/**
 * Marks what is referred to and what was put lately, with the bases that they are made of, then removes the rest. Marks lie
 * in files, and one 256th of the blobs is looked at at a time. A reference that is written meanwhile is one to a blob that
 * was put lately: see {@link BlobFiles}.
 */
export async function sweepBlobs(files: BlobFiles, sweep: BlobSweep): Promise<BlobSweepReport | undefined> {
  const { owner, untouchedSince, dryRun, signal } = sweep;
  // To a database that a server was only pointed at for once, all blobs of the usual one are unknown.
  if ((await files.owner(owner)) !== owner) return undefined;
  const removed = { count: 0, bytes: 0 };
  const kept = { count: 0, bytes: 0 };
  const work = `${await files.temporary()}.sweep`;
  try {
    const marks = await mark(files, sweep, work);
    if (!dryRun) for (const ref of await files.gone()) await files.decide(ref, untouchedSince);
    for (const prefix of await files.prefixes()) {
      const marked = await marks.read(prefix);
      await forEach(await files.refs(prefix), async (ref) => {
        signal.throwIfAborted();
        const found = await statIfThere(files.place(ref));
        if (!found) return;
        const stays = marked.has(ref) || found.mtime >= untouchedSince;
        const sum = stays || !(dryRun || (await files.remove(ref, untouchedSince))) ? kept : removed;
        sum.count += 1;
        sum.bytes += found.size;
      });
    }
    if (!dryRun) await removeUnfinished(files, untouchedSince);
    return { removed, kept };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** What has to stay: level by level, as many as there are bases below a blob. */
async function mark(
  files: BlobFiles,
  { references, untouchedSince, signal }: BlobSweep,
  work: string,
): Promise<RefSpool> {
  const marks = new RefSpool(join(work, 'marks'));
  let level = new RefSpool(join(work, '0'));
  // The files first: what is put after this was not there to be marked, and touched all that it is made of.
  for (const prefix of await files.prefixes()) {
    await forEach(await files.refs(prefix), async (ref) => {
      signal.throwIfAborted();
      const found = await statIfThere(files.place(ref));
      if (found && found.mtime >= untouchedSince) await level.add([ref]);
    });
  }
  for await (const refs of references) {
    signal.throwIfAborted();
    await level.add(refs);
  }
  for (let depth = 1, more = true; more; depth += 1) {
    more = false;
    const next = new RefSpool(join(work, String(depth)));
    for (let first = 0; first < 256; first += 1) {
      const prefix = first.toString(16).padStart(2, '0');
      const found = await level.read(prefix);
      if (found.size === 0) continue;
      const known = await marks.read(prefix);
      const fresh = [...found].filter((ref) => !known.has(ref));
      await marks.add(fresh);
      await forEach(fresh, async (ref) => {
        signal.throwIfAborted();
        const base = (await files.head(ref))?.base;
        if (base === undefined) return;
        more = true;
        await next.add([base]);
      });
    }
    level = next;
  }
  return marks;
}

/** What writers that died had begun, and sweeps. */
async function removeUnfinished({ temporaries }: BlobFiles, untouchedSince: Date): Promise<void> {
  for (const name of await readdir(temporaries)) {
    const path = join(temporaries, name);
    const found = await statIfThere(path);
    if (found && found.mtime < untouchedSince) await rm(path, { recursive: true, force: true });
  }
}

/** None is at work any more when it returns, or throws. */
async function forEach(refs: readonly string[], work: (ref: string) => Promise<void>): Promise<void> {
  const queue = refs.values();
  let failed = false;
  const worker = async (): Promise<void> => {
    for (const ref of queue) {
      if (failed) return;
      try {
        await work(ref);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: concurrency }, worker));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}
