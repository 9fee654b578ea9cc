import type { ImageInspectInfo } from 'dockerode';
import type { Snapshot, SnapshotFacts, SnapshotRequest } from '../provider.ts';
import { buildImage } from './build.ts';
import { attempt, statusOf, type Engine } from './engine.ts';
import { readFacts } from './facts.ts';
import type { Networks } from './networks.ts';
import { type Flight, startFlight } from './single-flight.ts';
import { snapshotImage } from './snapshot-name.ts';

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
      await buildImage(engine, networks, { ...request, ...crew });
      const image = await attempt('find the snapshot', name, () =>
        engine.docker.getImage(snapshotImage(name)).inspect(),
      );
      if (before && before.Id !== image.Id) await removeImage(engine, before.Id);
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

/** What a name stood for before it was built anew; it stays while sandboxes use it. */
async function removeImage(engine: Engine, id: string): Promise<void> {
  await attempt('remove the image', id, async () => {
    try {
      await engine.docker.getImage(id).remove();
    } catch (error) {
      const status = statusOf(error);
      if (status !== 404 && status !== 409) throw error;
    }
  });
}
