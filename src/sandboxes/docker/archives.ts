import { Readable } from 'node:stream';
import { z } from 'zod';
import { parseJson } from '../../model/json.ts';
import { attempt, isGone, statusOf, type Engine } from './engine.ts';

/** Unpacks a tar below `path`, a directory that exists. Of a container that runs, and of one that never did. */
export async function putArchive(
  engine: Engine,
  container: string,
  path: string,
  tar: Readable | Buffer,
  signal?: AbortSignal,
): Promise<void> {
  const put = async (): Promise<void> => {
    await engine.docker.getContainer(container).putArchive(tar, { path, ...(signal && { abortSignal: signal }) });
  };
  await attempt(`put files below ${path} of`, container, put, signal);
}

/** `path` as a tar; undefined where it does not exist. */
export async function getArchive(
  engine: Engine,
  container: string,
  path: string,
  signal: AbortSignal,
): Promise<Readable | undefined> {
  return attempt(
    `get ${path} out of`,
    container,
    async () => {
      try {
        const tar = await engine.docker.getContainer(container).getArchive({ path, abortSignal: signal });
        return tar instanceof Readable ? tar : Readable.from(tar);
      } catch (error) {
        if (statusOf(error) === 404 && !isGone(error)) return undefined;
        throw error;
      }
    },
    signal,
  );
}

/** Of Go's FileMode, which the engine sends: the bits of a directory and of a symbolic link. */
const [directoryBit, linkBit] = [0x8000_0000, 0x0800_0000];

const statSchema = z.object({ mode: z.number(), linkTarget: z.string() });
const answerSchema = z.object({ headers: z.object({ 'x-docker-container-path-stat': z.string() }) });

/** What stands at a path of a container. */
export interface PathStat {
  readonly isDirectory: boolean;
  readonly isExecutable: boolean;
  /** Of a symbolic link: what it points to, from the container's root on. */
  readonly linkTarget: string | undefined;
}

/** Undefined where nothing is at that path. Costs the engine a tenth of {@link getArchive}. */
export async function statPath(engine: Engine, container: string, path: string): Promise<PathStat | undefined> {
  return attempt(`look at ${path} in`, container, async () => {
    try {
      const response: unknown = await engine.docker.getContainer(container).infoArchive({ path });
      if (response instanceof Readable) response.resume();
      const { headers } = answerSchema.parse(response);
      const header = Buffer.from(headers['x-docker-container-path-stat'], 'base64').toString();
      const { mode, linkTarget } = parseJson(header, statSchema, `what the engine says of ${path}`);
      return {
        isDirectory: (mode & directoryBit) !== 0,
        isExecutable: (mode & 0o111) !== 0,
        linkTarget: (mode & linkBit) === 0 ? undefined : linkTarget,
      };
    } catch (error) {
      // An answer without a body, which does not tell a missing path from a missing container.
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  });
}
