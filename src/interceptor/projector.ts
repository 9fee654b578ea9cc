import { type FSWatcher, watch } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode } from '../embedded/files.ts';
import { HarborError } from '../model/errors.ts';
import type { Revocation } from '../model/grant.ts';
import type { BlobStore } from '../store/blobs.ts';
import { journalPath, listJournals } from './journal/names.ts';
import { AttemptHistory } from './projection/attempt-history.ts';
import { Bell } from './projection/bell.ts';
import type { CallSink } from './projection/call-sink.ts';
import { JournalProjection, type ProjectionParts } from './projection/journal-projection.ts';

export interface ProjectorOptions {
  /** The interceptor's journals. */
  readonly directory: string;
  readonly sink: CallSink;
  readonly blobs: BlobStore;
  readonly onError: (error: HarborError) => void;
}

/** Milliseconds between looks where nothing was heard: processes die without a word. */
const pollMs = 2000;
/** Milliseconds in which writes come together before they are read. */
const gatherMs = 10;
/** Milliseconds after an error. */
const retryMs = 1000;

interface Drain {
  /** Per journal, the place that has to be reached. */
  readonly targets: ReadonlyMap<string, number>;
  readonly resolve: () => void;
}

/**
 * Brings calls out of an interceptor's journals into the store, each exactly once, and deletes what is done. One
 * projector at a time on one folder.
 */
export class Projector {
  private readonly options: ProjectorOptions;
  private readonly parts: ProjectionParts;
  private readonly projections = new Map<string, JournalProjection>();
  private readonly drains = new Set<Drain>();
  private readonly bell = new Bell();

  constructor(options: ProjectorOptions) {
    this.options = options;
    this.parts = { ...options, history: new AttemptHistory(options.sink) };
  }

  /** Works until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    await mkdir(this.options.directory, { recursive: true, mode: 0o700 });
    const watcher = this.watch();
    try {
      while (!signal.aborted) {
        const succeeded = await this.pass();
        if (!succeeded) await pause(retryMs, signal);
        else await this.bell.heard(pollMs, signal);
        if (this.drains.size === 0) await pause(gatherMs, signal);
      }
    } finally {
      watcher?.close();
      for (const projection of this.projections.values()) await projection.close();
      this.projections.clear();
    }
  }

  /**
   * Resolves once every call that ended before that place, in this and all older journals, is in the sink; those of dead
   * processes count as ended. Rejects when the signal is aborted; errors on the way are repeated until they pass.
   */
  async drain({ journal, offset }: Revocation, signal: AbortSignal): Promise<void> {
    await this.reach(new Map([[journal, offset], ...(await this.sizes((name) => name < journal))]), signal);
  }

  /** Resolves once all that is in the journals now is in the sink, for whose writers have ended. Rejects as {@link drain}. */
  async drainAll(signal: AbortSignal): Promise<void> {
    await this.reach(await this.sizes(() => true), signal);
  }

  private async sizes(isWanted: (journal: string) => boolean): Promise<Map<string, number>> {
    const sizes = new Map<string, number>();
    for (const name of (await this.list()).filter(isWanted)) {
      sizes.set(name, await sizeOf(journalPath(this.options.directory, name)));
    }
    return sizes;
  }

  private async reach(targets: ReadonlyMap<string, number>, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const abort = () => {
        this.drains.delete(drain);
        reject(signal.reason);
      };
      const drain: Drain = {
        targets,
        resolve: () => {
          signal.removeEventListener('abort', abort);
          resolve();
        },
      };
      signal.addEventListener('abort', abort);
      this.drains.add(drain);
      this.bell.ring();
    });
  }

  /** The system has a limit on what can be watched; without, calls are found by looking. */
  private watch(): FSWatcher | undefined {
    const fail = (error: unknown) => this.report('changes of journals are not heard of, only looked for', error);
    try {
      return watch(this.options.directory, () => this.bell.ring()).on('error', fail);
    } catch (error) {
      fail(error);
      return undefined;
    }
  }

  /** Takes every journal as far as it goes now. False: something went wrong, was reported and has to be done again. */
  private async pass(): Promise<boolean> {
    try {
      const names = await this.list();
      const isNew = names.some((name) => !this.projections.has(name));
      const positions = isNew ? await this.options.sink.positions() : new Map<string, number>();
      let succeeded = true;
      for (const name of names) {
        if (!(await this.advance(name, positions.get(name) ?? 0))) succeeded = false;
      }
      this.settleDrains(new Set(await this.list()));
      return succeeded;
    } catch (error) {
      this.report("the interceptor's journals cannot be looked through", error);
      return false;
    }
  }

  private async advance(name: string, position: number): Promise<boolean> {
    try {
      const projection = this.projections.get(name) ?? (await JournalProjection.open(name, this.parts, position));
      if (!projection) return true;
      this.projections.set(name, projection);
      if (await projection.advance()) this.projections.delete(name);
      return true;
    } catch (error) {
      // Begun anew from what is saved: nothing that was half done counts.
      await this.projections.get(name)?.close();
      this.projections.delete(name);
      this.report(`the calls of journal ${name} cannot be saved; tried again in a moment`, error);
      return false;
    }
  }

  /** A journal that is gone is done: nobody else deletes them. */
  private settleDrains(there: ReadonlySet<string>): void {
    for (const drain of this.drains) {
      const isReached = Array.from(drain.targets).every(
        ([name, place]) => !there.has(name) || (this.projections.get(name)?.saved ?? 0) >= place,
      );
      if (!isReached) continue;
      this.drains.delete(drain);
      drain.resolve();
    }
  }

  private async list(): Promise<string[]> {
    try {
      return await listJournals(this.options.directory);
    } catch (error) {
      // No interceptor has run here yet.
      if (hasCode(error, 'ENOENT')) return [];
      throw error;
    }
  }

  private report(message: string, cause: unknown): void {
    this.options.onError(HarborError.isInstance(cause) ? cause : new HarborError('internal', message, { cause }));
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return 0;
    throw error;
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
