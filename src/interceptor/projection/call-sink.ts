import type { BegunCall, CallRecord } from '../../model/call.ts';

/** Where calls go for good. */
export interface CallSink {
  /** Per journal, the position that was last saved with it. */
  positions(): Promise<ReadonlyMap<string, number>>;
  /** Tells of calls that have begun. Idempotent, and said again after a crash. */
  begin(calls: readonly BegunCall[]): Promise<void>;
  /**
   * In one transaction: the calls, by id, where those that are there already are let be; and the journal's position, the
   * first byte that is not accounted for.
   */
  save(calls: readonly CallRecord[], journal: string, position: number): Promise<void>;
  /** A rollout's saved calls in the order of their ids, all attempts. */
  list(rolloutId: string): Promise<readonly CallRecord[]>;
}
