import { text } from 'node:stream/consumers';
import type { BatchResult } from '../../src/model/batch-responses.ts';
import type { BatchLedger } from '../../src/model/ledger-responses.ts';
import type { RolloutResponse } from '../../src/model/responses.ts';
import type { HarborClient, TraceCall } from '../../src/sdk/client.ts';
import { batchResults } from '../support/batch-results.ts';
import { isWrongOn, steps } from './environment.ts';
import { type Asked, askedBy, type UpstreamCall } from './upstream.ts';

/** All that Harbor says of a batch that has ended. */
export interface Books {
  readonly results: readonly BatchResult[];
  readonly ledger: BatchLedger;
  readonly rollouts: readonly RolloutBook[];
}

interface RolloutBook {
  readonly rollout: RolloutResponse;
  readonly calls: readonly TraceCall[];
  /** What the agent printed, by attempt. */
  readonly logs: ReadonlyMap<number, string>;
}

export async function readBooks(client: HarborClient, batchId: string): Promise<Books> {
  const results = await batchResults(client, batchId);
  const rollouts: RolloutBook[] = [];
  for (const { rollout_id: id } of results) {
    const rollout = await client.rollout(id);
    const calls: TraceCall[] = [];
    for await (const call of client.trace(id)) calls.push(call);
    const logs = new Map<number, string>();
    for (const { attempt } of rollout.attempts) logs.set(attempt, await text(client.rolloutLog(id, { attempt })));
    rollouts.push({ rollout, calls, logs });
  }
  return { results, ledger: await client.batchLedger(batchId), rollouts };
}

export interface Expected {
  readonly seeds: readonly number[];
  /** Rollouts of each seed. */
  readonly samples: number;
  readonly upstream: readonly UpstreamCall[];
  /** Sandboxes that were killed from outside. */
  readonly killed: ReadonlySet<string>;
}

/** What does not add up, a sentence each: none where every result is there once, and every start and call is explained. */
export function audit(books: Books, expected: Expected): readonly string[] {
  const wrong = [...auditResults(books, expected), ...auditLedger(books)];
  const byRollout = Map.groupBy(expected.upstream, ({ asked }) => asked.rollout);
  for (const book of books.rollouts) {
    const { id } = book.rollout;
    const found = [
      ...auditAttempts(book, expected.killed),
      ...auditLogs(book),
      ...auditCalls(book, byRollout.get(id) ?? []),
      ...auditStarts(book, byRollout.get(id) ?? []),
    ];
    wrong.push(...found.map((sentence) => `${id}: ${sentence}`));
  }
  return wrong;
}

/** Each planned rollout has one result, and the reward that its tests must have given. */
function* auditResults({ results, rollouts }: Books, { seeds, samples }: Expected): Generator<string> {
  if (results.length !== seeds.length * samples)
    yield `${results.length} results for ${seeds.length * samples} planned`;
  const cells = new Set(results.map(({ seed, sample }) => `${seed}/${sample}`));
  if (cells.size !== results.length) yield `${results.length - cells.size} results of cells that have one already`;
  for (const { rollout } of rollouts) {
    const { id, seed, status, failure, reward_info: given } = rollout;
    const right = { reward: isWrongOn(seed ?? 0) ? 0 : 1, starts: 1, tests: 1 };
    const same = JSON.stringify(sorted(given.outcome_objectives ?? {})) === JSON.stringify(sorted(right));
    if (status !== 'completed' || failure || given.outcome_reward !== right.reward || !same) {
      yield `${id}: is ${status}, ${JSON.stringify({ failure, given: given.outcome_objectives, right })}`;
    }
  }
}

const sorted = (numbers: Readonly<Record<string, number>>) =>
  Object.entries(numbers).toSorted(([a], [b]) => a.localeCompare(b));

/** The ledger's own check, and its sums against those of what it sums up. */
function* auditLedger({ ledger, rollouts }: Books): Generator<string> {
  yield* ledger.imbalances.map((sentence) => `the ledger does not balance: ${sentence}`);
  const calls = rollouts.flatMap((book) => book.calls);
  const attempts = rollouts.flatMap(({ rollout }) => rollout.attempts);
  const cost = calls.reduce((sum, call) => sum + (call.cost_usd ?? 0), 0);
  const tokens = calls.reduce((sum, { usage }) => sum + (usage?.input_tokens ?? 0) + (usage?.output_tokens ?? 0), 0);
  const sums: readonly (readonly [string, number, number])[] = [
    ['calls', ledger.llm_calls, calls.filter(({ status }) => status !== 'refused').length],
    ['tokens', ledger.tokens, tokens],
    ['attempts', ledger.attempts, attempts.length],
    ['attempts lost', ledger.attempts_lost, attempts.filter(({ failure }) => failure).length],
    ['scored', ledger.scored, rollouts.filter(({ rollout }) => rollout.reward_info.outcome_reward !== null).length],
  ];
  for (const [what, said, found] of sums) {
    if (said !== found) yield `the ledger says ${said} ${what}, and there are ${found}`;
  }
  if (Math.abs(ledger.cost_usd - cost) > 1e-9) yield `the ledger says $${ledger.cost_usd}, and calls cost $${cost}`;
}

/** Only what was done to its sandbox ends an attempt: nothing that befalls Harbor does. */
function* auditAttempts({ rollout }: RolloutBook, killed: ReadonlySet<string>): Generator<string> {
  for (const { attempt, sandbox, failure, ended_at: end } of rollout.attempts) {
    if (end === null) yield `attempt ${attempt} has not ended`;
    if (failure && !(failure.class === 'sandbox_lost' && killed.has(sandbox))) {
      yield `attempt ${attempt} ended in ${failure.class}, though nobody killed its sandbox: ${failure.message}`;
    }
  }
  const last = rollout.attempts.at(-1);
  if (last?.failure) yield 'its last attempt failed';
  const unexplained = rollout.attempts.slice(0, -1).filter(({ failure }) => !failure);
  if (unexplained.length > 0) yield `${unexplained.length} attempts were followed by others without a failure`;
}

/** The agent's words once each, in order and without a gap: all of them, or as many as its sandbox lived for. */
function* auditLogs({ rollout, logs }: RolloutBook): Generator<string> {
  for (const { attempt, failure } of rollout.attempts) {
    const [start = '', ...rest] = (logs.get(attempt) ?? '').split('\n');
    const whole = [...Array.from({ length: steps }, (_, n) => `step ${n + 1}`), 'done', ''];
    const isWhole = /^start [0-9a-f]{16}$/.test(start) && rest.join('\n') === whole.join('\n');
    const isPart = `${start}\n`.startsWith('start ') || start === '';
    const isBeginning = whole.join('\n').startsWith(rest.join('\n'));
    if (failure ? !(isPart && isBeginning) : !isWhole) {
      yield `the log of attempt ${attempt} is ${JSON.stringify(logs.get(attempt))}`;
    }
  }
}

const key = ({ start, step, ask }: Asked): string => `${start} ${step} ${ask}`;

/** Every request that the provider has in its log is on record once, with the provider's own figures where it was answered. */
function* auditCalls({ calls }: RolloutBook, upstream: readonly UpstreamCall[]): Generator<string> {
  const recorded = Map.groupBy(calls, ({ request }) => (request === null ? 'no request' : key(askedBy(request))));
  for (const [asked, records] of recorded) {
    if (records.length > 1) yield `the call ${asked} is on record ${records.length} times`;
  }
  const billed = new Map(upstream.map((call) => [key(call.asked), call]));
  if (billed.size !== upstream.length) yield `the provider got ${upstream.length - billed.size} calls twice`;
  for (const [asked] of billed) {
    if (!recorded.has(asked)) yield `the provider got the call ${asked}, of which there is no record`;
  }
  for (const [asked, [record]] of recorded) {
    const bill = billed.get(asked);
    if (record?.status !== 'ok') continue;
    if (!bill) yield `the call ${asked} is on record as answered, and the provider has not seen it`;
    const same = bill?.inputTokens === record.usage?.input_tokens && bill?.outputTokens === record.usage?.output_tokens;
    if (!same) yield `the call ${asked} has ${JSON.stringify(record.usage)}, and the provider ${JSON.stringify(bill)}`;
  }
}

/** One start of the agent in each attempt; and none is heard of any more once the next attempt's was. */
function* auditStarts({ rollout, calls, logs }: RolloutBook, upstream: readonly UpstreamCall[]): Generator<string> {
  const attemptOf = new Map<string, number>();
  for (const { attempt, request } of calls) {
    if (request === null) continue;
    const { start } = askedBy(request);
    const known = attemptOf.get(start) ?? attempt;
    if (known !== attempt) yield `the start ${start} made calls as attempts ${known} and ${attempt}`;
    attemptOf.set(start, attempt);
  }
  for (const { attempt } of rollout.attempts) {
    const starts = new Set([...attemptOf].filter(([, of]) => of === attempt).map(([start]) => start));
    const said = /^start ([0-9a-f]{16})$/m.exec(logs.get(attempt) ?? '')?.[1];
    if (said !== undefined) starts.add(said);
    if (starts.size > 1) yield `attempt ${attempt} had ${starts.size} starts of its agent`;
  }
  const order = upstream.toSorted((a, b) => a.at - b.at).map(({ asked }) => attemptOf.get(asked.start) ?? 0);
  if (order.some((attempt, n) => attempt < (order[n - 1] ?? 0))) {
    yield `the provider heard an attempt after the next one: ${order.join(' ')}`;
  }
}
