import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { round } from '../figures.ts';
import { type Ways, cpuSeconds, line, residentMib, start, wayNames } from './processes.ts';

export interface ManyStreamsOptions {
  readonly streams: number;
  /** Chunks a second of each. */
  readonly perSecond: number;
  /** How long it is measured once all streams are there. */
  readonly seconds: number;
}

/** Seconds that one stream lasts; then another takes its place. */
const streamSeconds = 8;

const markSchema = z.object({ measuring: z.boolean() });
const endSchema = z.object({
  finished: z.int(),
  broken: z.int(),
  faults: z.array(z.string()),
  timed: z.int(),
  firstByteMs: z.object({ p50: z.number(), p99: z.number() }),
  behindMs: z.object({ p50: z.number(), p99: z.number() }),
});

/**
 * Many paced streams at once, by each way. Streams that lost or changed a byte are `broken`. Where the cores that were used
 * come near to those that there are, it is they that bound it: then the figures tell of a machine that is too small. One
 * process uses one core at most, whatever the machine has.
 */
export async function measureManyStreams(
  ways: Ways,
  options: ManyStreamsOptions,
  say: (text: string) => void,
): Promise<object> {
  const { streams, perSecond, seconds } = options;
  const results: Partial<Record<keyof Ways, Awaited<ReturnType<typeof runStreams>>>> = {};
  for (const name of wayNames) {
    say(`${streams} streams of ${perSecond} chunks a second at once, for ${seconds} s: ${name}`);
    results[name] = await runStreams(ways, name, options);
  }
  return { streams, chunksPerSecond: streams * perSecond, coresOfMachine: availableParallelism(), ...results };
}

async function runStreams(ways: Ways, name: keyof Ways, { streams, perSecond, seconds }: ManyStreamsOptions) {
  const { baseUrl, token, pid } = ways[name];
  const residentBefore = await residentMib(pid);
  const chunks = streamSeconds * perSecond;
  const load = start('load.ts', { baseUrl, token, streams, chunks, perSecond, seconds });
  try {
    const pids = { upstream: ways.direct.pid, between: pid, load: load.pid };
    await line(load, markSchema);
    const [startedAt, before] = [performance.now(), await cpuOf(pids)];
    await line(load, markSchema);
    const after = await cpuOf(pids);
    const elapsed = (performance.now() - startedAt) / 1000;
    const resident = await residentMib(pid);
    const cores = (part: keyof typeof pids) => round((after[part] - before[part]) / elapsed);
    return {
      ...(await line(load, endSchema)),
      coresUsed: {
        upstream: cores('upstream'),
        load: cores('load'),
        ...(name !== 'direct' && { between: cores('between') }),
      },
      ...(name !== 'direct' && { mibPerStream: round((resident - residentBefore) / streams) }),
      residentMib: round(resident),
    };
  } finally {
    load.child.kill('SIGKILL');
  }
}

type Cpu = Readonly<Record<'upstream' | 'between' | 'load', number>>;

async function cpuOf({ upstream, between, load }: Cpu): Promise<Cpu> {
  return {
    upstream: await cpuSeconds(upstream),
    between: await cpuSeconds(between),
    load: await cpuSeconds(load),
  };
}
