import { once } from 'node:events';
import type { Response } from 'express';
import { gridOf } from '../model/batch.ts';
import { cellAt } from '../model/batch-cells.ts';
import { type FailureClass, infrastructureClasses } from '../model/failures.ts';
import type { LedgerBooks, LedgerEntry, LedgerLine } from '../model/ledger-responses.ts';
import { isClosed } from '../model/rollout.ts';
import type { CellRange, LedgerAttempt, LedgerCall, LedgerRollout } from '../store/batch-ledger.ts';
import type { BatchRow } from '../store/batch-rows.ts';
import type { Store } from '../store/store.ts';
import { untilClosed } from './input.ts';
import { notStarted, presentCounts } from './present-batch.ts';

/** Cells, and calls of theirs, that are read at once: three queries for all of them, not some for each. */
const cellPage = 200;
const callPage = 1000;

/** What is counted as it comes. */
const tallied = [
  ['attempts', 'attempts'],
  ['calls', 'calls'],
  ['tokens', 'tokens'],
  ['costUsd', 'dollars'],
  ['unpricedCalls', 'calls of no known price'],
] as const;

/** The books of a batch, held against each other. */
export async function presentBooks({ batches, ledger }: Store, batch: BatchRow): Promise<LedgerBooks> {
  const counts = await batches.counts(batch.id);
  const counted = await batches.spent(batch.id);
  const sums = await batches.sums(batch.id);
  const { costOfAttempts, callsOfNoAttempt, differing, example } = await ledger.balance(batch.id);
  const lost = infrastructureClasses.reduce((sum, name) => sum + (sums.failedAttempts[name] ?? 0), 0);
  const missing = notStarted(batch, counts);
  const imbalances = [
    missing < 0 && `${-missing} more cells have rollouts than were planned`,
    batch.status === 'completed' &&
      batch.stopReason === null &&
      // A retry of one that had ended early runs what was asked for, and leaves the rest as it was.
      batch.retriedAt === null &&
      missing > 0 &&
      `${missing} cells have no rollout though the batch is completed`,
    sums.rollouts !== batch.cursor && `${batch.cursor} rollouts were started, and ${sums.rollouts} are there`,
    callsOfNoAttempt > 0 && `${callsOfNoAttempt} calls belong to no attempt`,
    Math.abs(sums.costUsd - costOfAttempts) > 1e-9 * Math.max(1, sums.costUsd) &&
      `calls cost $${sums.costUsd}, and attempts $${costOfAttempts}`,
    ...tallied.map(
      ([name, what]) =>
        counted[name] !== sums[name] &&
        `${counted[name]} ${what} were counted as they came, and ${sums[name]} are there`,
    ),
    differing > 0 &&
      `${differing} results have other calls, tokens or cost than were recorded, that of ${example} for one`,
  ].filter((line) => line !== false);
  return {
    infrastructure_loss_rate: sums.attempts === 0 ? null : lost / sums.attempts,
    attempts: sums.attempts,
    attempts_lost: lost,
    attempts_failed: sums.failedAttempts,
    planned: batch.planned,
    ...presentCounts(batch, counts),
    rollouts: sums.rollouts,
    llm_calls: sums.calls,
    tokens: sums.tokens,
    cost_usd: sums.costUsd,
    unpriced_calls: sums.unpricedCalls,
    llm_calls_in_results: sums.callsInResults,
    cost_of_attempts_usd: costOfAttempts,
    balances: imbalances.length === 0,
    imbalances,
  };
}

/** Every planned rollout of some cells, by cell, then their calls; a part at a time. */
export async function* ledgerEntries(
  { ledger }: Store,
  { id, plan }: BatchRow,
  cells: CellRange,
): AsyncGenerator<readonly LedgerEntry[]> {
  const rollouts = Map.groupBy(await ledger.rollouts(id, cells), ({ cell }) => cell);
  const attempts = Map.groupBy(await ledger.attempts(id, cells), ({ rolloutId }) => rolloutId);
  const grid = gridOf(plan);
  yield Array.from({ length: cells.to - cells.from }, (_, index) => cells.from + index).flatMap((cell) => {
    const all = rollouts.get(cell);
    if (!all) {
      const { seed, sample, policy } = cellAt(grid, cell);
      return [{ type: 'not_started', cell, seed, sample, policy } satisfies LedgerEntry];
    }
    return all.map((rollout) => rolloutEntry(rollout, rollout === all.at(-1), attempts.get(rollout.id) ?? []));
  });
  let last: LedgerCall | undefined;
  for (;;) {
    const calls = await ledger.calls(id, cells, last, callPage);
    if (calls.length > 0) yield calls.map(callEntry);
    last = calls.at(-1);
    if (calls.length < callPage) return;
  }
}

/** The books and every entry, a line of JSON each; page by page, so that no size of a batch costs memory. */
export async function streamLedger(response: Response, store: Store, batch: BatchRow): Promise<void> {
  const gone = untilClosed(response);
  const write = async (lines: readonly LedgerLine[]): Promise<void> => {
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    if (!response.write(text)) await once(response, 'drain', { signal: gone }).catch(() => {});
  };
  const books = await presentBooks(store, batch);
  response.status(200).set('content-type', 'application/x-ndjson; charset=utf-8');
  await write([{ type: 'books', ...books }]);
  for (let from = 0; from < batch.planned && !gone.aborted; from += cellPage) {
    const cells = { from, to: Math.min(from + cellPage, batch.planned) };
    for await (const entries of ledgerEntries(store, batch, cells)) {
      await write(entries);
      if (gone.aborted) break;
    }
  }
  response.end();
}

function rolloutEntry(
  { id, retryOf, failureClass, cell, seed, sample, policy, generation, status, reward }: LedgerRollout,
  isNewest: boolean,
  attempts: readonly LedgerAttempt[],
): LedgerEntry {
  const outcome = outcomeOf(status, reward);
  return {
    type: 'rollout',
    cell,
    seed,
    sample,
    policy,
    rollout_id: id,
    generation,
    retry_of: retryOf,
    is_newest: isNewest,
    outcome,
    status,
    reward,
    failure_class: failureClass,
    attempts: attempts.map((one, index) => attemptEntry(one, attempts[index - 1])),
  };
}

function outcomeOf(status: LedgerRollout['status'], reward: number | null) {
  if (!isClosed(status)) return 'open';
  if (reward !== null) return 'scored';
  return status === 'cancelled' ? 'cancelled' : 'failed';
}

function attemptEntry(one: LedgerAttempt, before: LedgerAttempt | undefined) {
  const { failureClass, endedAt } = one;
  return {
    attempt: one.attempt,
    began_because: before ? (before.failureClass ?? 'internal') : 'first',
    ended_because: failureClass ?? (endedAt === null ? null : 'done'),
    message: one.failureMessage,
    is_lost: isLost(failureClass),
    started_at: one.startedAt.toISOString(),
    ended_at: endedAt?.toISOString() ?? null,
    llm_calls: one.calls,
    tokens: one.tokens,
    cost_usd: one.costUsd,
    unpriced_calls: one.unpricedCalls,
  };
}

const isLost = (failure: FailureClass | null) => failure !== null && infrastructureClasses.includes(failure);

function callEntry(call: LedgerCall): LedgerEntry {
  return {
    type: 'call',
    call_id: call.id,
    rollout_id: call.rolloutId,
    attempt: call.attempt,
    model: call.model,
    status: call.status,
    http_status: call.httpStatus,
    retry_of: call.retryOf,
    input_tokens: call.inputTokens,
    output_tokens: call.outputTokens,
    cost_usd: call.costUsd,
    started_at: call.startedAt.toISOString(),
    ended_at: call.endedAt?.toISOString() ?? null,
    error: call.error,
  };
}
