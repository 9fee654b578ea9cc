import { randomUUID } from 'node:crypto';
import type { Container, ContainerCreateOptions, MountSettings } from 'dockerode';
import { setTimeout as sleep } from 'node:timers/promises';
import { attempt, ownLabels, reasonOf, statusOf, type Engine } from './engine.ts';

/** Makes a container. Its settings travel in the body alone: docker-modem would put them, secrets too, into the URL. */
export function makeContainer(engine: Engine, name: string, settings: ContainerCreateOptions): Promise<Container> {
  const request = { name, _query: { name }, _body: settings };
  return engine.docker.createContainer(request);
}

export interface HelperOptions {
  readonly image: string;
  readonly mounts?: readonly MountSettings[];
}

/** How the names of helpers begin. */
export const helperName = 'harbor-helper-';

/** A container that is never started, through which files of an image or a volume are reached; gone afterwards. */
export async function withHelper<T>(
  engine: Engine,
  { image, mounts = [] }: HelperOptions,
  use: (container: string) => Promise<T>,
): Promise<T> {
  const name = `${helperName}${randomUUID()}`;
  const settings = {
    Image: image,
    Entrypoint: ['/never-started'],
    Labels: ownLabels(engine, 'helper'),
    NetworkDisabled: true,
    HostConfig: { Mounts: [...mounts] },
  };
  engine.helpersAtWork.add(name);
  try {
    await attempt('look into the image', image, () => makeContainer(engine, name, settings));
    return await use(name);
  } finally {
    await removeContainer(engine, name);
    engine.helpersAtWork.delete(name);
  }
}

/** Milliseconds between tries while the engine is busy with a removal, and how often it is tried. */
const [removalPause, removalTries] = [200, 150];

/** Gone, with its anonymous volumes, when it returns. Idempotent. */
export async function removeContainer(engine: Engine, name: string): Promise<void> {
  const remove = async (): Promise<void> => {
    for (let tries = 1; ; tries += 1) {
      try {
        await engine.docker.getContainer(name).remove({ force: true, v: true });
      } catch (error) {
        if (statusOf(error) === 404) return;
        // Somebody else removes it already, or a file system of it is still busy.
        const busy = statusOf(error) === 409 || /already in progress|device or resource busy/i.test(reasonOf(error));
        if (!busy || tries === removalTries) throw error;
        await sleep(removalPause);
        continue;
      }
      return;
    }
  };
  await attempt('remove the container', name, remove);
}
