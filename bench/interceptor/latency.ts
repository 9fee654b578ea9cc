import { inParallel, percentile, round } from '../figures.ts';
import { chatAnswer, requestBody, streamAnswer } from './answers.ts';
import { Asker, type Timing } from './asker.ts';
import { type Way, type Ways, cpuSeconds, wayNames } from './processes.ts';

const allAtOnce = { chunks: 200, perSecond: 0 };

interface Kind {
  readonly name: string;
  readonly concurrency: number;
  /** Calls of one block. */
  readonly calls: number;
  readonly streamed: boolean;
}

const kinds: readonly Kind[] = [
  { name: 'chat c=1', concurrency: 1, calls: 300, streamed: false },
  { name: 'chat c=16', concurrency: 16, calls: 800, streamed: false },
  { name: 'stream c=1', concurrency: 1, calls: 60, streamed: true },
  { name: 'stream c=16', concurrency: 16, calls: 160, streamed: true },
];

interface Block {
  readonly total: { readonly p50: number; readonly p95: number };
  readonly firstByte: { readonly p50: number; readonly p95: number };
  /** Milliseconds for each call, of the process that stands between. */
  readonly cpuMs: number;
}
type Blocks = Record<keyof Ways, Block[]>;

/**
 * Small chat calls, and streams of 200 chunks that the upstream sends as fast as it can, by each way in turn, so that a
 * machine's moods hit all alike. Every answer is compared byte for byte.
 */
export async function measureLatency(ways: Ways, rounds: number, say: (text: string) => void): Promise<object> {
  const results = kinds.map((kind) => ({ kind, blocks: { direct: [], bare: [], interceptor: [] } as Blocks }));
  for (const { kind } of results) {
    for (const name of wayNames) await runBlock(ways[name], { ...kind, calls: 200 }, `warm ${name}`);
  }
  for (let at = 0; at < rounds; at += 1) {
    say(
      `round ${at + 1} of ${rounds}: chat calls and streams, straight, through a bare proxy, through the interceptor`,
    );
    for (const { kind, blocks } of results) {
      for (const name of at % 2 === 0 ? wayNames : wayNames.toReversed()) {
        blocks[name].push(await runBlock(ways[name], kind, `${at} ${name}`));
      }
    }
  }
  return Object.fromEntries(results.map(({ kind, blocks }) => [kind.name, compare(blocks)]));
}

async function runBlock(way: Way, { name, concurrency, calls, streamed }: Kind, mark: string): Promise<Block> {
  const asker = new Asker(way);
  const timings: Timing[] = [];
  const before = await cpuSeconds(way.pid);
  await inParallel(calls, concurrency, async (index) => {
    const number = `${name} ${mark} ${index}`;
    timings.push(
      streamed
        ? await asker.ask(requestBody(number, allAtOnce), (id) => streamAnswer(id, allAtOnce.chunks))
        : await asker.ask(requestBody(number), chatAnswer),
    );
  });
  const cpuMs = (((await cpuSeconds(way.pid)) - before) / calls) * 1000;
  asker.close();
  return {
    total: spread(timings.map(({ total }) => total)),
    firstByte: spread(timings.map(({ firstByte }) => firstByte)),
    cpuMs,
  };
}

function spread(values: readonly number[]): { readonly p50: number; readonly p95: number } {
  return { p50: percentile(values, 0.5), p95: percentile(values, 0.95) };
}

/** Milliseconds: of each way in its quietest round, and what the ways add to no way at all. */
function compare(blocks: Blocks): object {
  const of = (statistic: (block: Block) => number) => {
    const best = (name: keyof Ways) => Math.min(...blocks[name].map(statistic));
    const added = (name: keyof Ways) => round(best(name) - best('direct'));
    const differences = blocks.interceptor.map((block, index) => {
      const direct = blocks.direct[index];
      return direct ? statistic(block) - statistic(direct) : Number.NaN;
    });
    return {
      direct: round(best('direct')),
      bareAdded: added('bare'),
      interceptorAdded: added('interceptor'),
      /** Round by round, the median: what it was on the machine as busy as it was. */
      interceptorAddedMedian: round(percentile(differences, 0.5)),
    };
  };
  const cpu = (name: keyof Ways) =>
    round(
      percentile(
        blocks[name].map(({ cpuMs }) => cpuMs),
        0.5,
      ),
    );
  return {
    totalP50: of(({ total }) => total.p50),
    totalP95: of(({ total }) => total.p95),
    firstByteP50: of(({ firstByte }) => firstByte.p50),
    firstByteP95: of(({ firstByte }) => firstByte.p95),
    cpuMsPerCall: { bare: cpu('bare'), interceptor: cpu('interceptor') },
  };
}
