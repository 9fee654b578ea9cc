import { onTestFinished } from 'vitest';
import { journalDirectory } from '../../../src/interceptor/main.ts';
import type { CallSink } from '../../../src/interceptor/projection/call-sink.ts';
import { Projector } from '../../../src/interceptor/projector.ts';
import type { CallRecord } from '../../../src/model/call.ts';
import type { HarborError } from '../../../src/model/errors.ts';
import type { BlobStore } from '../../../src/store/blobs.ts';
import { fileBlobs } from '../../../src/store/file-blobs.ts';
import { type AtEnd, type TestInterceptor, never, temporaryFolder } from './interceptor.ts';

/** A sink in memory that remembers every save. */
export interface MemorySink extends CallSink {
  readonly saves: { readonly calls: readonly CallRecord[]; readonly journal: string; readonly position: number }[];
  readonly calls: ReadonlyMap<string, CallRecord>;
  /** Ids of calls that were told to have begun. */
  readonly begun: readonly string[];
}

export function memorySink(): MemorySink {
  const calls = new Map<string, CallRecord>();
  const positions = new Map<string, number>();
  const saves: MemorySink['saves'] = [];
  const begun: string[] = [];
  return {
    begun,
    saves,
    calls,
    positions: () => Promise.resolve(new Map(positions)),
    async begin(some) {
      begun.push(...some.map(({ id }) => id));
    },
    async save(saved, journal, position) {
      saves.push({ calls: saved, journal, position });
      for (const call of saved) if (!calls.has(call.id)) calls.set(call.id, call);
      positions.set(journal, position);
    },
    async list(rolloutId) {
      const found = [...calls.values()].filter((call) => call.rolloutId === rolloutId);
      return found.sort((a, b) => (a.id < b.id ? -1 : 1));
    },
  };
}

export interface RunningProjector {
  readonly projector: Projector;
  readonly errors: readonly HarborError[];
  stop(): Promise<void>;
}

export function runProjector(
  directory: string,
  sink: CallSink,
  blobs: BlobStore,
  atEnd: AtEnd = onTestFinished,
): RunningProjector {
  const errors: HarborError[] = [];
  const projector = new Projector({ directory, sink, blobs, onError: (error) => errors.push(error) });
  const ending = new AbortController();
  const ended = projector.run(ending.signal);
  const stop = async () => {
    ending.abort();
    await ended;
  };
  atEnd(stop);
  return { projector, errors, stop };
}

export interface Trace {
  readonly calls: readonly CallRecord[];
  readonly blobs: BlobStore;
}

/** Ends an attempt and returns the records of all its calls. */
export async function endAttempt(
  interceptor: TestInterceptor,
  rolloutId = 'rollout-1',
  attempt = 1,
  atEnd: AtEnd = onTestFinished,
): Promise<Trace> {
  const place = await interceptor.admin.revoke(rolloutId, attempt, never);
  const blobs = fileBlobs(await temporaryFolder(atEnd));
  const sink = memorySink();
  const { projector } = runProjector(journalDirectory(interceptor.directory), sink, blobs, atEnd);
  await projector.drain(place, never);
  return { calls: await sink.list(rolloutId), blobs };
}
