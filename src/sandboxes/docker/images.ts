import { HarborError } from '../../model/errors.ts';
import { attempt, engineError, reasonOf, statusOf, type Engine } from './engine.ts';
import { readMessages } from './messages.ts';

/** The image's id for each name, fetched where the engine does not have it. An id says exactly what is in the image. */
export async function resolveImages(
  engine: Engine,
  images: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const resolved = new Map<string, string>();
  for (const image of images) {
    if (resolved.has(image)) continue;
    const found = await findImageId(engine, image, signal);
    if (found === undefined) await pull(engine, image, signal);
    const id = found ?? (await findImageId(engine, image, signal));
    if (id === undefined) throw new HarborError('sandbox_failed', `the image ${image} was fetched and is not there`);
    resolved.set(image, id);
  }
  return resolved;
}

async function findImageId(engine: Engine, image: string, signal: AbortSignal): Promise<string | undefined> {
  const look = async (): Promise<string | undefined> => {
    try {
      return (await engine.docker.getImage(image).inspect()).Id;
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  };
  return attempt('look up the image', image, look, signal);
}

/** Takes a name from an image, and the image with its last one. False where a container uses it, which keeps both. */
export async function removeName(engine: Engine, name: string, signal?: AbortSignal): Promise<boolean> {
  const remove = async (): Promise<boolean> => {
    try {
      // Not by force: what else the image is called stays, and so does what a container uses.
      await engine.docker.getImage(name).remove();
    } catch (error) {
      if (statusOf(error) === 409) return false;
      if (statusOf(error) !== 404) throw error;
    }
    return true;
  };
  return attempt('remove the image', name, remove, signal);
}

/** What a registry says when the name is wrong, not the registry. */
const wrongName = /not found|manifest unknown|denied|does not exist|invalid reference|no matching manifest/i;

async function pull(engine: Engine, image: string, signal: AbortSignal): Promise<void> {
  const refuse = (reason: string, cause?: unknown): HarborError =>
    new HarborError(wrongName.test(reason) ? 'build_failed' : 'sandbox_failed', `no image ${image}: ${reason}`, {
      cause,
      remedy: `Check the name in FROM, or bring the image to the engine: \`docker pull ${image}\`.`,
    });
  try {
    const stream = await engine.docker.pull(withTag(image), { abortSignal: signal });
    for await (const { error } of readMessages(stream)) if (error !== undefined) throw refuse(error);
  } catch (error) {
    signal.throwIfAborted();
    if (HarborError.isInstance(error)) throw error;
    throw statusOf(error) === undefined ? engineError('fetch the image', image, error) : refuse(reasonOf(error), error);
  }
}

/** The engine's API takes a name without tag for all tags of it. */
const withTag = (image: string): string => (/[@:][^/]*$/.test(image) ? image : `${image}:latest`);
