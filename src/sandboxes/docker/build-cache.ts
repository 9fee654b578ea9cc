import { z } from 'zod';
import { attempt, statusOf, type Engine } from './engine.ts';

interface TrimmedCache {
  readonly count: number;
  readonly bytes: number;
}

const usageSchema = z.object({
  BuildCache: z.array(z.object({ Size: z.number() })).nullish(),
});
const prunedSchema = z.object({
  CachesDeleted: z.array(z.string()).nullish(),
  SpaceReclaimed: z.number().nullish(),
});

/**
 * Has the engine's build cache take no more than `bytes`: the engine itself removes what was not used for longest, and nothing
 * that a build uses. Undefined where the engine has no such cache, as Podman.
 */
export async function trimBuildCache(
  engine: Engine,
  bytes: number,
  dryRun: boolean,
  signal: AbortSignal,
): Promise<TrimmedCache | undefined> {
  const trim = async (): Promise<TrimmedCache | undefined> => {
    if (dryRun) return excess(usageSchema.parse(await engine.docker.df()).BuildCache ?? [], bytes);
    const answer = await prune(engine, bytes, signal);
    if (answer === undefined) return undefined;
    const { CachesDeleted: removed, SpaceReclaimed: freed } = prunedSchema.parse(answer);
    return { count: removed?.length ?? 0, bytes: freed ?? 0 };
  };
  return attempt('trim the build cache of', 'the container engine', trim, signal);
}

function excess(records: readonly { readonly Size: number }[], bytes: number): TrimmedCache {
  let over = records.reduce((sum, { Size: size }) => sum + size, 0) - bytes;
  const before = Math.max(0, over);
  let count = 0;
  for (const { Size: size } of records) {
    if (over <= 0) break;
    over -= size;
    count += 1;
  }
  return { count, bytes: before };
}

/** dockerode's own method for this sends none of its options. */
function prune(engine: Engine, bytes: number, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = {
      // docker-modem puts the query behind the question mark itself.
      path: '/build/prune?',
      options: { _query: { all: true, 'keep-storage': bytes }, _body: {} },
      method: 'POST',
      abortSignal: signal,
      statusCodes: { 200: true, 404: 'none', 500: 'server error' },
    };
    engine.docker.modem.dial(request, (error: unknown, answer: unknown) => {
      if (!error) resolve(answer);
      else if (statusOf(error) === 404) resolve(undefined);
      else reject(error instanceof Error ? error : new Error('the engine did not say why', { cause: error }));
    });
  });
}
