import type { ImageInspectInfo } from 'dockerode';
import type { Snapshot, SnapshotFacts, SnapshotRequest } from '../provider.ts';
import { buildImage } from './build.ts';
import { attempt, statusOf, type Engine } from './engine.ts';
import { readFacts } from './facts.ts';
import { removeName } from './images.ts';
import type { Networks } from './networks.ts';
import { type Flight, startFlight } from './single-flight.ts';
import { replacedRepository, replacedTag, snapshotImage } from './snapshot-name.ts';

export interface Snapshots {
  /** One build of a name at a time; who asks meanwhile waits for it, who wants it forced and finds one that is not, after it. */
  readonly ensure: (request: SnapshotRequest) => Promise<Snapshot>;
  readonly find: (name: string, signal: AbortSignal) => Promise<Snapshot | undefined>;
}

interface Build {
  readonly forced: boolean;
  readonly flight: Flight<Snapshot>;
}

export function createSnapshots(engine: Engine, networks: Networks): Snapshots {
  /** By image id, which never stands for anything else. */
  const factsOf = new Map<string, Promise<SnapshotFacts>>();
  const builds = new Map<string, Build>();

  const describe = async (name: string, image: ImageInspectInfo): Promise<Snapshot> => {
    const known = factsOf.get(image.Id) ?? readFacts(engine, image);
    factsOf.set(image.Id, known);
    try {
      return { name, providerRef: image.Id, sizeBytes: image.Size, facts: await known };
    } catch (error) {
      factsOf.delete(image.Id);
      throw error;
    }
  };

  const find: Snapshots['find'] = async (name, signal) => {
    const image = await findImage(engine, name, signal);
    return image && describe(name, image);
  };

  const build = (request: SnapshotRequest): Build => {
    const { name, force } = request;
    const flight = startFlight(async (crew) => {
      const before = await findImage(engine, name, crew.signal);
      const giveUpName = before && (await keepName(engine, before.Id));
      try {
        await buildImage(engine, networks, { ...request, ...crew });
      } finally {
        await giveUpName?.();
      }
      const image = await attempt('find the snapshot', name, () =>
        engine.docker.getImage(snapshotImage(name)).inspect(),
      );
      return describe(name, image);
    });
    const started = { forced: force, flight };
    builds.set(name, started);
    void flight.over.then(() => builds.delete(name));
    return started;
  };

  const ensure: Snapshots['ensure'] = async (request) => {
    const { name, force, signal } = request;
    const found = force ? undefined : await find(name, signal);
    if (found) return found;
    for (;;) {
      signal.throwIfAborted();
      const running = builds.get(name) ?? build(request);
      if ((running.forced || !force) && !running.flight.abandoned()) return running.flight.join(request);
      await running.flight.over;
    }
  };
  return { ensure, find };
}

async function findImage(engine: Engine, name: string, signal: AbortSignal): Promise<ImageInspectInfo | undefined> {
  const look = async (): Promise<ImageInspectInfo | undefined> => {
    try {
      return await engine.docker.getImage(snapshotImage(name)).inspect();
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  };
  return attempt('look up the snapshot', name, look, signal);
}

/** Has an image keep a name of ours when the snapshot's own goes over to another; returns what gives that up. */
async function keepName(engine: Engine, id: string): Promise<() => Promise<void>> {
  const [repo, tag] = [replacedRepository, replacedTag(id)];
  await attempt('name the image', id, () => engine.docker.getImage(id).tag({ repo, tag }));
  // An image that nothing else names goes with it, unless sandboxes use it: then the sweeper takes it after them.
  return async () => void (await removeName(engine, `${repo}:${tag}`));
}
