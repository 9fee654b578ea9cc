import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { audit, type Books, type Expected } from './books.ts';
import { type ChaosReport, deployChaos, runChaos } from './run.ts';
import { World } from './world.ts';

const rollouts = 40;
const seed = Number(process.env['HARBOR_CHAOS_SEED'] ?? 1);

let world: World;
let report: ChaosReport;

beforeAll(async () => {
  world = await World.start();
  await deployChaos(world, rollouts);
  const say = (line: string) => process.stderr.write(`chaos, seed ${seed}: ${line}\n`);
  report = await runChaos(world, { seed, rollouts, chaosSeconds: 120, say });
  if (report.wrong.length > 0) process.stderr.write(world.errors());
}, 1_500_000);

afterAll(async () => {
  await world[Symbol.asyncDispose]();
}, 120_000);

describe('a batch in which everything is killed', () => {
  test('comes to its end, each result once and every start and call explained', () => {
    expect(report.wrong).toEqual([]);
    expect(report.ledger).toMatchObject({ planned: rollouts, scored: rollouts, balances: true });
  });

  test('saw much go wrong', () => {
    expect(report.happened.length).toBeGreaterThan(20);
  });

  test('has no history that Temporal would find long', () => {
    expect(Math.max(...Object.values(report.longestHistories))).toBeLessThanOrEqual(3000);
  });
});

type Bookkeeping = readonly [Books, Expected];

/** What the run's own books would be with one thing wrong in them. */
const forgeries: readonly (readonly [what: string, forge: (...real: Bookkeeping) => Bookkeeping, complaint: RegExp])[] =
  [
    [
      'a result is missing',
      (books, real) => [{ ...books, results: books.results.slice(1) }, real],
      /39 results for 40/,
    ],
    [
      'a result is there twice',
      (books, real) => [{ ...books, results: books.results.toSpliced(1, 1, ...books.results.slice(0, 1)) }, real],
      /of cells that have one already/,
    ],
    [
      'a reward is invented',
      (books, real) => [
        {
          ...books,
          rollouts: books.rollouts.map((book) => {
            const { reward_info: given, ...rollout } = book.rollout;
            return { ...book, rollout: { ...rollout, reward_info: { ...given, outcome_reward: 0.5 } } };
          }),
        },
        real,
      ],
      /is completed, /,
    ],
    [
      'the provider got a call of which nothing is on record',
      (books, { upstream, ...real }) => [
        books,
        {
          ...real,
          upstream: [
            ...upstream,
            ...upstream.slice(0, 1).map((call) => ({ ...call, asked: { ...call.asked, ask: 99 } })),
          ],
        },
      ],
      /of which there is no record/,
    ],
    [
      'an answer is on record that the provider never gave',
      (books, { upstream, ...real }) => [books, { ...real, upstream: upstream.slice(1) }],
      /the provider has not seen it/,
    ],
    [
      'an agent started twice',
      (books, { upstream, ...real }) => [
        {
          ...books,
          rollouts: books.rollouts.map((book) => ({
            ...book,
            logs: new Map([...book.logs].map(([attempt]) => [attempt, `start ${'0'.repeat(16)}\n`])),
          })),
        },
        { ...real, upstream },
      ],
      /had 2 starts of its agent/,
    ],
    [
      'a line of output is there twice',
      (books, real) => [
        {
          ...books,
          rollouts: books.rollouts.map((book) => ({
            ...book,
            logs: new Map(
              [...book.logs].map(([attempt, log]) => [attempt, log.replace('step 2\n', 'step 2\nstep 2\n')]),
            ),
          })),
        },
        real,
      ],
      /the log of attempt 1 is/,
    ],
    [
      'a call is not in the ledger',
      (books, real) => [{ ...books, ledger: { ...books.ledger, llm_calls: books.ledger.llm_calls - 1 } }, real],
      /the ledger says \d+ calls/,
    ],
  ];

describe('its audit notices that', () => {
  test.each(forgeries)('%s', (_, forge, complaint) => {
    expect(audit(...forge(report.books, report.expected))).toContainEqual(expect.stringMatching(complaint));
  });
});
