import { sql } from 'kysely';
import type { Amounts } from '../model/budget.ts';
import type { SliceAnswer, SliceRequest } from '../model/budget-slice.ts';
import type { Db } from './database.ts';
import { type BudgetSlice, dealSlices } from './deal-slices.ts';
import { leaseSeconds } from './grants.ts';

/** Seconds for which calls that wait keep others giving back; whoever waits says so several times in a second. */
const wantingSeconds = 2;

/** Budgets that any number of interceptors spend from, each from a slice of its own. */
export interface BudgetStore {
  /** Changes the slices of an interceptor as it asks, as far as each budget allows. */
  deal(interceptor: string, request: SliceRequest): Promise<SliceAnswer>;
  /** Budgets of which the interceptor may have something to give back to others whose calls wait. */
  wantedBack(interceptor: string): Promise<readonly string[]>;
  /**
   * Takes back all that an interceptor which does not run any more has not taken. `takenOf`: what it spent and had reserved.
   */
  leave(interceptor: string, takenOf: (budget: string) => Amounts): Promise<void>;
  /** Forgets budgets that nobody has asked about since. */
  prune(before: Date): Promise<void>;
}

export function budgetStore(db: Db): BudgetStore {
  return {
    deal: (interceptor, request) =>
      db.transaction().execute(async (tx) => {
        // In one order for all, so that two who ask at once do not wait for each other.
        const ids = request.slices.map(({ id }) => id).sort();
        if (ids.length === 0) return dealSlices(interceptor, request, []).answer;
        await lock(tx, ids);
        const { answer, slices } = dealSlices(interceptor, request, await slicesOf(tx, ids));
        await save(tx, slices);
        return answer;
      }),

    async wantedBack(interceptor) {
      const rows = await db
        .selectFrom('budgetSlices as mine')
        .innerJoin('budgetSlices as theirs', 'theirs.budget', 'mine.budget')
        .select('mine.budget')
        .distinct()
        .where('mine.interceptor', '=', interceptor)
        .where('mine.isFinal', '=', false)
        .where('theirs.interceptor', '<>', interceptor)
        .where(isRecent('theirs.wanting_at'))
        .execute();
      return rows.map(({ budget }) => budget);
    },

    leave: (interceptor, takenOf) =>
      db.transaction().execute(async (tx) => {
        const rows = await tx
          .selectFrom('budgetSlices')
          .select(['budget', 'heldUsd', 'heldTokens', 'heldCalls'])
          .where('interceptor', '=', interceptor)
          .where('isFinal', '=', false)
          .orderBy('budget')
          .forUpdate()
          .execute();
        for (const { budget, heldUsd, heldTokens, heldCalls } of rows) {
          const taken = takenOf(budget);
          await tx
            .updateTable('budgetSlices')
            .set(({ eb }) => ({
              heldUsd: Math.min(heldUsd, taken.usd),
              heldTokens: Math.min(heldTokens, taken.tokens),
              heldCalls: Math.min(heldCalls, taken.calls),
              isFinal: true,
              wantingAt: null,
              version: eb('version', '+', 1),
            }))
            .where('budget', '=', budget)
            .where('interceptor', '=', interceptor)
            .execute();
        }
      }),

    async prune(before) {
      await db.deleteFrom('budgets').where('usedAt', '<', before).execute();
    },
  };
}

/** Until the transaction ends nobody else changes slices of these budgets. */
async function lock(tx: Db, ids: readonly string[]): Promise<void> {
  const usedAt = sql<Date>`clock_timestamp()`;
  await tx
    .insertInto('budgets')
    .values(ids.map((id) => ({ id, usedAt })))
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ usedAt }))
    .execute();
}

async function slicesOf(tx: Db, ids: readonly string[]): Promise<BudgetSlice[]> {
  const rows = await tx
    .selectFrom('budgetSlices')
    .leftJoin('interceptors', 'interceptors.id', 'budgetSlices.interceptor')
    .select(['budget', 'interceptor', 'version', 'heldUsd', 'heldTokens', 'heldCalls', 'isFinal'])
    .select(sql<boolean>`coalesce(${isRecent('wanting_at')}, false)`.as('isWanting'))
    .select(
      sql<boolean>`coalesce(seen_at < clock_timestamp() - ${leaseSeconds} * interval '1 second', true)`.as('isSilent'),
    )
    .where('budget', 'in', ids)
    .execute();
  return rows.map(({ heldUsd, heldTokens, heldCalls, ...slice }) => ({
    ...slice,
    held: { usd: heldUsd, tokens: heldTokens, calls: heldCalls },
  }));
}

async function save(tx: Db, slices: readonly Omit<BudgetSlice, 'isSilent'>[]): Promise<void> {
  await tx
    .insertInto('budgetSlices')
    .values(
      slices.map(({ held, isWanting, ...slice }) => ({
        ...slice,
        heldUsd: held.usd,
        heldTokens: held.tokens,
        heldCalls: held.calls,
        wantingAt: isWanting ? sql<Date>`clock_timestamp()` : null,
      })),
    )
    .onConflict((conflict) =>
      conflict.columns(['budget', 'interceptor']).doUpdateSet((row) => ({
        version: row.ref('excluded.version'),
        heldUsd: row.ref('excluded.heldUsd'),
        heldTokens: row.ref('excluded.heldTokens'),
        heldCalls: row.ref('excluded.heldCalls'),
        isFinal: row.ref('excluded.isFinal'),
        wantingAt: row.ref('excluded.wantingAt'),
      })),
    )
    .execute();
}

const isRecent = (column: 'wanting_at' | 'theirs.wanting_at') =>
  sql<boolean>`${sql.ref(column)} > clock_timestamp() - ${wantingSeconds} * interval '1 second'`;
