import { setTimeout as sleep } from 'node:timers/promises';
import { HarborError } from '../model/errors.ts';
import { attemptKey } from '../model/ids.ts';
import type { BudgetStore } from '../store/budgets.ts';
import { type GrantStore, leaseSeconds, type RevokedLease } from '../store/grants.ts';
import type { InterceptorAdmin } from './admin-client.ts';
import { budgetKeptMs } from './budgets/budget-ledger.ts';
import { monotonicMs } from './lease.ts';
import type { Projector } from './projector.ts';
import { readAbsences } from './uptime.ts';

export interface GrantKeeperOptions {
  /** The interceptor's name in the store; the same after each of its starts. */
  readonly interceptor: string;
  readonly grants: GrantStore;
  readonly budgets: BudgetStore;
  /** Of the process that streams. With little patience: while it is waited for, nothing else is done. */
  readonly admin: InterceptorAdmin;
  readonly projector: Projector;
  /** The interceptor's own folder. */
  readonly directory: string;
  readonly onError: (error: HarborError) => void;
}

/** Milliseconds between looks for revocations. */
const lookMs = 100;
const beatMs = 2_000;
/** Milliseconds by which the interceptor's lease ends before others count it as over: the time to cut what streams. */
const marginMs = 2_000;
/** Milliseconds between removals of old grants, and for how long a revoked one is kept: no worker comes back that late. */
const pruneMs = 3600 * 1000;
const keptMs = 30 * 24 * 3600 * 1000;
/** Milliseconds after an error. */
const retryMs = 500;

/**
 * Keeps one interceptor to what the store says: renews its lease as long as the database can be reached, and hands it
 * the revocations of what it was told, and what others want back of its slices of budgets. It never decides anything by
 * itself: where it stops, the lease runs out.
 */
export class GrantKeeper {
  private readonly options: GrantKeeperOptions;
  private readonly draining = new Set<string>();
  private lastBeatMs = -Infinity;
  private lastPruneMs = -Infinity;
  private failing = false;
  private settling = false;
  /** The end of the last absence that the store knows. */
  private toldUntil = new Date(0);

  constructor(options: GrantKeeperOptions) {
    this.options = options;
  }

  /** Whether the last round went well. */
  get isWell(): boolean {
    return !this.failing && monotonicMs() - this.lastBeatMs < leaseSeconds * 1000;
  }

  /** Works until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const pauseMs = (await this.round(signal)) ? lookMs : retryMs;
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  private async round(signal: AbortSignal): Promise<boolean> {
    const { grants, budgets, interceptor, admin } = this.options;
    try {
      // The time before the contact: the lease then ends earlier here than in the eyes of whoever reads the store.
      const nowMs = monotonicMs();
      const isDue = nowMs - this.lastBeatMs >= beatMs;
      const beatAt = isDue ? await grants.beat(interceptor) : undefined;
      const revoked = await grants.revokedLeases(interceptor);
      await Promise.all(revoked.map((lease) => this.end(lease, signal)));
      // Last: while it was out of touch, revocations have gone on without it.
      if (beatAt) {
        await admin.renewLease(nowMs + leaseSeconds * 1000 - marginMs, signal);
        this.lastBeatMs = nowMs;
        void this.settle(beatAt, signal);
      }
      const wanted = await budgets.wantedBack(interceptor);
      if (wanted.length > 0) await admin.wantedBack(wanted, signal);
      if (nowMs - this.lastPruneMs >= pruneMs) {
        await grants.prune(new Date(Date.now() - keptMs));
        await budgets.prune(new Date(Date.now() - budgetKeptMs));
        this.lastPruneMs = nowMs;
      }
      this.failing = false;
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      // Once for each time that it goes wrong, not for each try.
      if (!this.failing) this.report('the interceptor cannot be kept to its grants', error);
      this.failing = true;
      return false;
    }
  }

  /** Says what the store knows by now, for whoever asks why an agent gave up. One at a time: it waits for the projector. */
  private async settle(beatAt: Date, signal: AbortSignal): Promise<void> {
    if (this.settling) return;
    this.settling = true;
    const { grants, interceptor, admin, projector, directory } = this.options;
    try {
      await projector.drain(await admin.health(signal), signal);
      const absences = (await readAbsences(directory)).filter(({ until }) => until > this.toldUntil);
      await grants.settle(interceptor, beatAt, absences);
      this.toldUntil = absences.at(-1)?.until ?? this.toldUntil;
    } catch (error) {
      if (!signal.aborted) this.report('it cannot be said how far the calls are in the store', error);
    } finally {
      this.settling = false;
    }
  }

  /** Ends an attempt here, says so, and says again when its calls are in the store. */
  private async end({ hasAcknowledged, ...attempt }: RevokedLease, signal: AbortSignal): Promise<void> {
    const key = attemptKey(attempt.rolloutId, attempt.attempt);
    if (this.draining.has(key)) return;
    const { grants, interceptor, admin, projector } = this.options;
    const place = await admin.revoke(attempt.rolloutId, attempt.attempt, signal);
    if (!hasAcknowledged) await grants.acknowledge(interceptor, attempt);
    this.draining.add(key);
    const drained = async () => {
      await projector.drain(place, signal);
      await grants.setDrained(interceptor, attempt);
    };
    drained()
      .catch((error: unknown) => {
        // What is not said now is found to be missing in a later round.
        if (!signal.aborted) this.report(`it cannot be said that the calls of ${key} are in the store`, error);
      })
      .finally(() => this.draining.delete(key));
  }

  private report(message: string, cause: unknown): void {
    this.options.onError(new HarborError('internal', message, { cause }));
  }
}
