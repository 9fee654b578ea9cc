import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { SnapshotListing } from '../provider.ts';
import { attempt, ownFilter, statusOf, type Engine } from './engine.ts';
import { nameOfSnapshot, snapshotImage } from './snapshot-name.ts';

export interface SnapshotSpace {
  readonly list: (signal: AbortSignal) => Promise<readonly SnapshotListing[]>;
  /** False where something still uses it. */
  readonly remove: (name: string, signal: AbortSignal) => Promise<boolean>;
}

type Layers = ReadonlyMap<string, number>;

/** The snapshots of this installation and what they take of the engine's disk. */
export function createSnapshotSpace(engine: Engine): SnapshotSpace {
  /** By image id, which never stands for anything else. */
  let known = new Map<string, Layers>();

  const list: SnapshotSpace['list'] = async (signal) => {
    const images = await attempt('list the images of', 'the engine', () => engine.docker.listImages(), signal);
    const labelled = await attempt(
      'list the snapshots of',
      engine.installation,
      () => engine.docker.listImages({ filters: ownFilter(engine, 'snapshot') }),
      signal,
    );
    const ours = new Set(labelled.map(({ Id: id }) => id));
    const before = known;
    known = new Map();
    for (const { Id: id } of images) {
      const layers = before.get(id) ?? (await layersOf(engine, id, signal));
      if (layers) known.set(id, layers);
    }
    // An image with a name of another's is another's, be it made from a snapshot of ours and so has its labels: it stays.
    const isSnapshot = ({ Id: id, RepoTags: tags }: (typeof images)[number]): boolean =>
      ours.has(id) && (tags ?? []).length > 0 && (tags ?? []).every((tag) => nameOfSnapshot(tag) !== undefined);
    const kept = new Set(
      images.filter((image) => !isSnapshot(image)).flatMap(({ Id: id }) => [...(known.get(id)?.keys() ?? [])]),
    );
    return images.filter(isSnapshot).flatMap(({ Id: id, RepoTags: tags, Created: created }) => {
      const layers = new Map([...(known.get(id) ?? [])].filter(([layer]) => !kept.has(layer)));
      return (tags ?? []).flatMap((tag) => {
        const name = nameOfSnapshot(tag);
        return name === undefined ? [] : [{ name, createdAt: new Date(created * 1000), layers }];
      });
    });
  };

  const remove: SnapshotSpace['remove'] = (name, signal) =>
    attempt(
      'remove the snapshot',
      name,
      async () => {
        try {
          // By its name, and not by force: what else the image is called stays, and so does what a container uses.
          await engine.docker.getImage(snapshotImage(name)).remove();
        } catch (error) {
          if (statusOf(error) === 409) return false;
          if (statusOf(error) !== 404) throw error;
        }
        return true;
      },
      signal,
    );
  return { list, remove };
}

const historySchema = z.array(z.object({ Created: z.number(), CreatedBy: z.string(), Size: z.number() }));

/**
 * Sizes of an image's layers. The engine tells sizes by the steps that made them only, so a layer is known by the steps up
 * to it: their times, commands and sizes are the same in all images that share them. Undefined where the image is gone.
 */
async function layersOf(engine: Engine, id: string, signal: AbortSignal): Promise<Layers | undefined> {
  const read = async (): Promise<z.infer<typeof historySchema> | undefined> => {
    try {
      return historySchema.parse(await engine.docker.getImage(id).history());
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  };
  const steps = await attempt('read the history of the image', id, read, signal);
  if (!steps) return undefined;
  const layers = new Map<string, number>();
  let chain = '';
  for (const { Created: at, CreatedBy: command, Size: bytes } of steps.toReversed()) {
    chain = createHash('sha256')
      .update(JSON.stringify([chain, at, command, bytes]))
      .digest('hex');
    if (bytes > 0) layers.set(chain, bytes);
  }
  return layers;
}
