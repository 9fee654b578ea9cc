import { loadavg } from 'node:os';
import { measureLatency } from './interceptor/latency.ts';
import { measureManyStreams } from './interceptor/many-streams.ts';
import { withWays } from './interceptor/processes.ts';

export interface InterceptorBenchOptions {
  readonly rounds: number;
  /** Streams at once. */
  readonly streams: number;
  readonly say: (text: string) => void;
}

/**
 * The interceptor beside nothing, and beside a proxy that does nothing: the same calls to the same upstream. All processes
 * share this machine's cores, and the record of every call is written as always; only nobody projects it meanwhile.
 */
export async function benchInterceptor({ rounds, streams, say }: InterceptorBenchOptions): Promise<object> {
  const loadBefore = loadavg()[0];
  const calls = await withWays((ways) => measureLatency(ways, rounds, say));
  const many = await withWays((ways) => measureManyStreams(ways, { streams, perSecond: 50, seconds: 15 }, say));
  return { loadBefore, calls, manyStreams: many };
}
