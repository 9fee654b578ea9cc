import { z } from 'zod';
import type { Leftover, LeftoverKind, Toolbox } from '../provider.ts';
import { helperName, removeContainer } from './containers.ts';
import { attempt, ownFilter, statusOf, type Engine } from './engine.ts';
import { removeName } from './images.ts';
import { currentNetworks } from './networks.ts';
import { isReplaced } from './snapshot-name.ts';
import { toolboxVolume } from './toolboxes.ts';

/**
 * What carries our labels, has a name of ours and is not in use. Both are asked for, since images hand their labels on: to
 * containers, and to images of others that are made from them.
 */
export async function listLeftovers(
  engine: Engine,
  needed: readonly Pick<Toolbox, 'name' | 'hash'>[],
  signal: AbortSignal,
): Promise<readonly Leftover[]> {
  const what = engine.installation;
  return [
    ...(await attempt('list the helpers of', what, () => helpers(engine), signal)),
    ...(await attempt('list the toolboxes of', what, () => toolboxes(engine, needed), signal)),
    ...(await attempt('list the replaced images of', what, () => images(engine), signal)),
    ...(await attempt('list the networks of', what, () => networks(engine), signal)),
  ];
}

/** The engine itself refuses to remove what is in use; only a helper, which never runs, would go with whoever works with it. */
export async function removeLeftover(engine: Engine, { kind, name }: Leftover, signal: AbortSignal): Promise<boolean> {
  switch (kind) {
    case 'helper':
      if (engine.helpersAtWork.has(name)) return false;
      await removeContainer(engine, name);
      return true;
    case 'image':
      return removeName(engine, name, signal);
    case 'toolbox':
      return removeUnused(kind, name, () => engine.docker.getVolume(name).remove(), signal);
    case 'network':
      return removeUnused(kind, name, () => engine.docker.getNetwork(name).remove(), signal);
  }
}

/** 409 and 403: containers use it. 404: it is gone. */
async function removeUnused(
  kind: LeftoverKind,
  name: string,
  remove: () => Promise<unknown>,
  signal: AbortSignal,
): Promise<boolean> {
  const tryIt = async (): Promise<boolean> => {
    try {
      await remove();
    } catch (error) {
      const status = statusOf(error);
      if (status === 409 || status === 403) return false;
      if (status !== 404) throw error;
    }
    return true;
  };
  return attempt(`remove the ${kind}`, name, tryIt, signal);
}

async function helpers(engine: Engine): Promise<readonly Leftover[]> {
  const listed = await engine.docker.listContainers({ all: true, filters: ownFilter(engine, 'helper') });
  return listed.flatMap(({ Names: [path = ''], Created: created }) => {
    const name = path.replace(/^\//, '');
    if (!name.startsWith(helperName) || engine.helpersAtWork.has(name)) return [];
    return [{ kind: 'helper', name, createdAt: new Date(created * 1000), bytes: 0 }];
  });
}

const volumesSchema = z.object({
  Volumes: z.array(z.object({ Name: z.string(), CreatedAt: z.string().optional() })).nullish(),
});

async function toolboxes(
  engine: Engine,
  needed: readonly Pick<Toolbox, 'name' | 'hash'>[],
): Promise<readonly Leftover[]> {
  const { label } = ownFilter(engine, 'toolbox');
  const unused = await engine.docker.listVolumes({ filters: { label, dangling: ['true'] } });
  const kept = new Set(needed.map(toolboxVolume));
  const found = (volumesSchema.parse(unused).Volumes ?? []).filter(({ Name: name }) => !kept.has(name));
  const sizes = found.length === 0 ? new Map<string, number>() : await volumeSizes(engine);
  return found.map(({ Name: name, CreatedAt: at }) => ({
    kind: 'toolbox',
    name,
    createdAt: new Date(at ?? 0),
    bytes: sizes.get(name) ?? 0,
  }));
}

const usageSchema = z.object({
  Volumes: z.array(z.object({ Name: z.string(), UsageData: z.object({ Size: z.number() }).nullish() })).nullish(),
});

/** The engine measures everything that it has for this: asked only where there is something to remove. */
async function volumeSizes(engine: Engine): Promise<ReadonlyMap<string, number>> {
  const { Volumes: volumes } = usageSchema.parse(await engine.docker.df());
  return new Map(volumes?.map(({ Name: name, UsageData: usage }) => [name, Math.max(0, usage?.Size ?? 0)]));
}

async function images(engine: Engine): Promise<readonly Leftover[]> {
  const labelled = await engine.docker.listImages({ filters: ownFilter(engine, 'snapshot') });
  const replaced = labelled.filter(({ RepoTags: tags }) => tags?.every(isReplaced));
  if (replaced.length === 0) return [];
  const used = new Set((await engine.docker.listContainers({ all: true })).map(({ ImageID: id }) => id));
  return replaced
    .filter(({ Id: id }) => !used.has(id))
    .flatMap(({ RepoTags: tags, Created: created }) =>
      (tags ?? []).map((name) => ({ kind: 'image' as const, name, createdAt: new Date(created * 1000), bytes: 0 })),
    );
}

async function networks(engine: Engine): Promise<readonly Leftover[]> {
  const current = currentNetworks(engine);
  const listed = await engine.docker.listNetworks({ filters: ownFilter(engine, 'network') });
  const found: Leftover[] = [];
  for (const { Name: name, Created: created } of listed) {
    if (current.includes(name)) continue;
    // Only a look at the network itself says what is on it.
    const { Containers: users } = await engine.docker.getNetwork(name).inspect();
    if (Object.keys(users ?? {}).length > 0) continue;
    found.push({ kind: 'network', name, createdAt: new Date(created), bytes: 0 });
  }
  return found;
}
