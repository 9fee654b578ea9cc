import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { extract } from 'tar-stream';
import type { SnapshotRequest } from '../provider.ts';
import { filesTar } from './tars.ts';

/** What the builder is sent. */
export interface BuildContext {
  readonly tar: Readable;
  /** The Dockerfile's path in it. */
  readonly dockerfile: string;
}

/**
 * The engine takes the Dockerfile from the context alone. Most contexts hold it already, and then stay as they are: a
 * `COPY . .` would show the agent whatever is added. Else it is added under a name that nobody can have used there, the
 * same for the same Dockerfile, so that the builder's cache holds.
 */
export async function buildContext(
  { dockerfile, context }: SnapshotRequest,
  installation: string,
): Promise<BuildContext> {
  const held = await findFile(await context(), Buffer.from(dockerfile));
  if (held !== undefined) return { tar: await context(), dockerfile: held };
  const word = createHash('sha256').update(`${installation}\n${dockerfile}`).digest('hex').slice(0, 16);
  const name = `.harbor-${word}.Dockerfile`;
  return { tar: await withFile(name, dockerfile, await context()), dockerfile: name };
}

/** The path of the first file of that content. */
async function findFile(tar: Readable, content: Buffer): Promise<string | undefined> {
  const members = extract();
  tar.once('error', (error) => members.destroy(error));
  try {
    for await (const member of tar.pipe(members)) {
      const { name, type, size } = member.header;
      if (type !== 'file' || size !== content.length) member.resume();
      else if ((await buffer(Readable.from(member))).equals(content)) return name.replace(/^(\.?\/)+/, '');
    }
    return undefined;
  } finally {
    tar.destroy();
  }
}

/** A tar is a sequence of members and ends with two empty blocks of 512 bytes: the file goes first, without those. */
async function withFile(path: string, content: string, context: Readable): Promise<Readable> {
  const first = (await filesTar([{ path, content }])).subarray(0, -1024);
  const members = async function* (): AsyncGenerator<Buffer> {
    yield first;
    yield* context;
  };
  return Readable.from(members(), { objectMode: false });
}
