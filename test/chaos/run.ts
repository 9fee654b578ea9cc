import { containersOf } from '../support/engine.ts';
import { eventually, withFolder } from '../support/project.ts';
import { packContext } from '../../src/sdk/pack-context.ts';
import type { BatchLedger } from '../../src/model/ledger-responses.ts';
import { audit, type Books, type Expected, readBooks } from './books.ts';
import { dockerfile, environmentOf } from './environment.ts';
import { type Happening, startChaos } from './faults.ts';
import { seededRandom } from './random.ts';
import { model } from './upstream.ts';
import type { World } from './world.ts';

export interface ChaosOptions {
  /** Decides what goes wrong, and when. */
  readonly seed: number;
  readonly rollouts: number;
  /** No more goes wrong after so long; what is open then comes to its end in peace. */
  readonly chaosSeconds: number;
  readonly say: (line: string) => void;
}

export interface ChaosReport {
  readonly seed: number;
  readonly seconds: number;
  readonly happened: readonly Happening[];
  readonly ledger: BatchLedger;
  readonly upstreamCalls: number;
  readonly longestHistories: Readonly<Record<string, number>>;
  /** What does not add up; empty: the run is clean. */
  readonly wrong: readonly string[];
  /** What was held against what. */
  readonly books: Books;
  readonly expected: Expected;
}

const deployment = 'chaos';
const open = 8;
/** A batch that is not over then hangs. */
const patienceSeconds = 1200;

const seedsOf = (rollouts: number): number[] => Array.from({ length: rollouts }, (_, n) => n);

/** Makes the environment that batches of so many rollouts run in, each with a seed of its own. */
export async function deployChaos(world: World, rollouts: number): Promise<void> {
  await withFolder(environmentOf(seedsOf(rollouts)), async (folder) => {
    await using context = await packContext(folder);
    const limits = { timeout_s: 3600, cpu_cores: 1, memory_mb: 512 };
    const description = { name: deployment, dockerfile, entrypoint: '/app/agent.sh', limits };
    await world.ask((client) => client.upload(description, context.file));
  });
  await eventually(
    'the snapshot',
    () => world.ask(async (client) => (await client.status(deployment)).status === 'ready'),
    180,
  );
}

/** One batch, while things go wrong; and what its books and the provider's say afterwards. */
export async function runChaos(world: World, options: ChaosOptions): Promise<ChaosReport> {
  const { seed, rollouts, chaosSeconds, say } = options;
  const seeds = seedsOf(rollouts);
  const started = Date.now();
  const { id } = await world.ask((client) =>
    client.startBatch(deployment, {
      name: `chaos ${seed}`,
      seeds: { from: 0, to: rollouts - 1 },
      policy: { config: { model } },
      concurrency: open,
    }),
  );
  const enough = new AbortController();
  const timer = setTimeout(() => enough.abort(), chaosSeconds * 1000);
  const chaos = startChaos(world, seededRandom(seed), enough.signal);
  let told = 0;
  try {
    await eventually(
      `batch ${id} to end`,
      async () => {
        for (const { at, name, seconds } of chaos.happened.slice(told))
          say(`${(at / 1000).toFixed(1)} s: ${name}, ${seconds.toFixed(1)} s`);
        told = chaos.happened.length;
        const batch = await world.ask((client) => client.batch(id)).catch(() => undefined);
        return batch !== undefined && batch.closed_at !== null;
      },
      patienceSeconds,
    );
  } finally {
    clearTimeout(timer);
    enough.abort();
    await chaos.over;
  }
  // What a process died over is not told from what one is about to use until it is old: here everything is.
  await eventually(
    'all containers to be gone',
    async () => {
      const left = await containersOf(world.installation);
      if (left.length === 0) return true;
      say(`left to be swept: ${left.join(', ')}`);
      await world.ask((client) => client.gc({ older_than_s: 0 }));
      return false;
    },
    180,
  );
  const books = await world.ask((client) => readBooks(client, id));
  const mine = new Set(books.rollouts.map(({ rollout }) => rollout.id));
  const upstream = world.upstream.log.filter(({ asked }) => mine.has(asked.rollout));
  const expected = { seeds, samples: 1, upstream, killed: chaos.killed };
  return {
    seed,
    seconds: (Date.now() - started) / 1000,
    happened: chaos.happened,
    ledger: books.ledger,
    upstreamCalls: upstream.length,
    longestHistories: await world.longestHistories(),
    wrong: audit(books, expected),
    books,
    expected,
  };
}
