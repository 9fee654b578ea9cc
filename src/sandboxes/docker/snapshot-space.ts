import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { SnapshotListing } from '../provider.ts';
import { attempt, ownFilter, statusOf, type Engine } from './engine.ts';
import { removeName } from './images.ts';
import { isReplaced, nameOfSnapshot, snapshotImage } from './snapshot-name.ts';

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
      ours.has(id) &&
      (tags ?? []).some((tag) => nameOfSnapshot(tag) !== undefined) &&
      (tags ?? []).every((tag) => nameOfSnapshot(tag) !== undefined || isReplaced(tag));
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

  const remove: SnapshotSpace['remove'] = (name, signal) => removeName(engine, snapshotImage(name), signal);
  return { list, remove };
}

const historySchema = z.array(z.object({ Created: z.number(), CreatedBy: z.string(), Size: z.number() }));
const contentSchema = z.object({ RootFS: z.object({ Layers: z.array(z.string()).default([]) }) });

/**
 * Sizes of an image's layers. The engine tells sizes by the steps that made them only, and contents without their sizes. So a
 * layer is known by the steps up to it and by as many contents: these are the same in all images that share it. Steps alone
 * are not enough, since two builds in one second may say the same of different files. Undefined where the image is gone.
 */
async function layersOf(engine: Engine, id: string, signal: AbortSignal): Promise<Layers | undefined> {
  const image = engine.docker.getImage(id);
  const read = async () => {
    try {
      const [steps, content] = await Promise.all([image.history(), image.inspect()]);
      return { steps: historySchema.parse(steps), contents: contentSchema.parse(content).RootFS.Layers };
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  };
  const found = await attempt('read the history of the image', id, read, signal);
  if (!found) return undefined;
  const layers = new Map<string, number>();
  let chain = '';
  for (const { Created: at, CreatedBy: command, Size: bytes } of found.steps.toReversed()) {
    const content = bytes > 0 ? found.contents[layers.size] : undefined;
    chain = createHash('sha256')
      .update(JSON.stringify([chain, at, command, bytes, content]))
      .digest('hex');
    if (bytes > 0) layers.set(chain, bytes);
  }
  return layers;
}
