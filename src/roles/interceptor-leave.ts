import type { Logger } from 'pino';
import type { Home } from '../embedded/home.ts';
import type { InterceptorAdmin } from '../interceptor/admin-client.ts';
import { readAccounts } from '../interceptor/budgets/budget-ledger.ts';
import type { GrantKeeper } from '../interceptor/grant-keeper.ts';
import { forgetGrants } from '../interceptor/grants.ts';
import type { Projector } from '../interceptor/projector.ts';
import { noAmounts } from '../model/budget.ts';
import type { Store } from '../store/store.ts';
import { rest } from './drain.ts';

/** What keeps one interceptor in touch with the store. */
export interface Kept {
  /** Its name there. */
  readonly interceptor: string;
  readonly keeper: GrantKeeper;
  readonly projector: Projector;
  readonly admin: InterceptorAdmin;
}

/** Milliseconds between looks whether streams are still open. */
const lookMs = 100;
/** Milliseconds that the journals may take into the store. */
const journalsMs = 20_000;

/**
 * Has the process that streams take nothing new, and waits until its calls have ended, for so long at most. Others that
 * listen on its port get what comes.
 */
export async function drainStreams(admin: InterceptorAdmin, graceMs: number, hurry: AbortSignal): Promise<void> {
  const deadline = performance.now() + graceMs;
  while (!hurry.aborted && performance.now() < deadline) {
    // Said again each time: one that its guard has started anew meanwhile knows nothing of it. One that is gone has no calls.
    const health = await admin.drain(hurry).catch(() => undefined);
    if (!health || health.isDrained) return;
    await rest(lookMs, hurry);
  }
}

export interface LeaveParts {
  readonly home: Home;
  readonly store: Store;
  readonly hurry: AbortSignal;
  readonly logger: Logger;
}

/**
 * Once nothing streams any more: gives back what is left of its slices of budgets, brings the rest of the journals into the
 * store, and takes the interceptor out of the leases, so that no revocation waits for it. Where that cannot be done now, its next start does it, and leases run out meanwhile.
 */
export async function leave(
  { interceptor, projector }: Kept,
  { home, store, hurry, logger }: LeaveParts,
): Promise<void> {
  try {
    const accounts = await readAccounts(home.files.interceptor);
    await store.budgets.leave(interceptor, (budget) => accounts.get(budget)?.taken ?? noAmounts);
    await projector.drainAll(AbortSignal.any([hurry, AbortSignal.timeout(journalsMs)]));
    // Before the leases: a start on this folder must not go by grants of whose revocation it would not be told.
    await forgetGrants(home.files.interceptor);
    await store.grants.leave(interceptor);
  } catch (error) {
    logger.warn({ err: error }, 'what the interceptor leaves is brought into the store by its next start');
  }
}
