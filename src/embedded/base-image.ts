import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { errorText, HarborError } from '../model/errors.ts';
import { tryParseJson } from '../model/json.ts';
import { bootstrapImage, madeFromLabel } from './bootstrap-image.ts';
import { openCache } from './cache.ts';
import type { Engine } from './engine.ts';
import { callEngine, engineRefusal } from './engine-api.ts';
import { oneAtATime } from './one-at-a-time.ts';
import type { Progress } from './progress.ts';

/** What the Dockerfiles of the demo and the tests begin with. */
export const baseImage = 'debian:bookworm-slim';

/** Milliseconds without any news from the registry after which it counts as out of reach. */
const registryMs = 20_000;

export interface BaseImageOptions {
  readonly engine: Engine;
  readonly env: NodeJS.ProcessEnv;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

export interface BaseImage {
  /** What Harbor made it from; undefined: it came from elsewhere. */
  readonly madeFrom: string | undefined;
}

const imageSchema = z.object({
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }).nullish(),
});
const newsSchema = z.object({ error: z.string().optional(), status: z.string().optional() });

/**
 * The base image at the engine: the one that is there, else a pulled one; where no registry answers, one made from
 * Debian's packages.
 */
export async function ensureBaseImage(options: BaseImageOptions): Promise<BaseImage> {
  const { engine, progress, signal } = options;
  return progress.step(`Image ${baseImage}`, async (report) => {
    const image = (await findBaseImage(engine, signal)) ?? (await obtain(options, report));
    report(image.madeFrom === undefined ? '' : `made from ${image.madeFrom}, since no image registry answered`);
    return image;
  });
}

export async function findBaseImage(engine: Engine, signal: AbortSignal): Promise<BaseImage | undefined> {
  const path = `/images/${baseImage}/json`;
  const response = await callEngine(engine.address, { path, signal });
  const body = await text(response);
  if (response.statusCode === 404) return undefined;
  const image = response.statusCode === 200 ? tryParseJson(body, imageSchema) : undefined;
  if (!image) throw engineRefusal(engine.address, path, response.statusCode, body);
  return { madeFrom: image.Config?.Labels?.[madeFromLabel] };
}

async function obtain(options: BaseImageOptions, report: (detail: string) => void): Promise<BaseImage> {
  const { engine, env, signal } = options;
  const cache = await openCache(env);
  const turn = { what: `the making of ${baseImage}`, report, signal };
  return oneAtATime(join(cache, 'base-image.lock'), turn, async () => {
    const there = await findBaseImage(engine, signal);
    if (there) return there;
    try {
      await pull(engine, report, signal);
    } catch (noRegistry) {
      signal.throwIfAborted();
      report(`no registry answers (${errorText(noRegistry)})`);
      await bootstrapImage({
        engine,
        env,
        image: baseImage,
        archive: join(cache, 'base-image.tar'),
        noRegistry,
        report,
        signal,
      });
    }
    const made = await findBaseImage(engine, signal);
    if (!made) throw new HarborError('sandbox_failed', `the engine took ${baseImage} and does not have it`);
    return made;
  });
}

/** Rejects with the engine's or the registry's words. */
async function pull(engine: Engine, report: (detail: string) => void, signal: AbortSignal): Promise<void> {
  report('pulling');
  const silence = new AbortController();
  const giveUp = (): void => silence.abort(new Error(`no news from the registry in ${registryMs / 1000} s`));
  let timer = setTimeout(giveUp, registryMs);
  try {
    const [name = '', tag = ''] = baseImage.split(':');
    const path = `/images/create?${new URLSearchParams({ fromImage: name, tag }).toString()}`;
    const within = AbortSignal.any([signal, silence.signal]);
    const response = await callEngine(engine.address, { method: 'POST', path, signal: within });
    if (response.statusCode !== 200) {
      throw engineRefusal(engine.address, path, response.statusCode, await text(response));
    }
    for await (const line of createInterface({ input: response, signal: within })) {
      clearTimeout(timer);
      timer = setTimeout(giveUp, registryMs);
      const news = tryParseJson(line, newsSchema);
      if (news?.error !== undefined) throw new Error(news.error);
      if (news?.status !== undefined) report(`pulling: ${news.status}`);
    }
    silence.signal.throwIfAborted();
  } finally {
    clearTimeout(timer);
  }
}
