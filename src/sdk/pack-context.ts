import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type Pack, pack } from 'tar-stream';
import { HarborError, errorText, invalid } from '../model/errors.ts';
import { limits } from '../model/limits.ts';
import { type ContextMember, contextMembers } from './context-members.ts';

/** A build context as a tar.gz in a temporary file, which goes when this is disposed of. */
export interface PackedContext extends AsyncDisposable {
  readonly file: string;
  readonly bytes: number;
  /** Files and links in it; folders are not counted. */
  readonly files: number;
  /** Paths that were not packed: `.git`, `.env`, `node_modules` and the like. */
  readonly leftOut: readonly string[];
}

/**
 * Packs a folder: modes, times, empty folders and links as they are, everything root's. Packed to a file first, so that
 * limits are told before anything is sent and a repeat sends the same bytes. Throws `invalid_request` for what is over the
 * server's limits.
 */
export async function packContext(folder: string, signal?: AbortSignal): Promise<PackedContext> {
  const directory = await mkdtemp(join(tmpdir(), 'harbor-context-'));
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    const file = join(directory, 'context.tar.gz');
    const tar = pack();
    const filling = fill(tar, folder).catch((error: unknown) => {
      tar.destroy(error instanceof Error ? error : new Error(errorText(error)));
      throw error;
    });
    const sink = createWriteStream(file, { mode: 0o600 });
    const writing = pipeline(Readable.from(tar), createGzip(), bounded(limits.contextBytes), sink, { signal });
    const [filled, written] = await Promise.allSettled([filling, writing]);
    signal?.throwIfAborted();
    // Whichever failed first, the writing ended with its error.
    if (written.status === 'rejected') throw unpackable(folder, written.reason);
    if (filled.status === 'rejected') throw unpackable(folder, filled.reason);
    const { size } = await stat(file);
    return { file, bytes: size, ...filled.value, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

function unpackable(folder: string, cause: unknown): HarborError {
  if (HarborError.isInstance(cause)) return cause;
  const message = `${folder} cannot be packed: ${errorText(cause)}`;
  return new HarborError('invalid_request', message, {
    field: 'context',
    cause,
    remedy: 'The build context has to be a folder that can be read.',
  });
}

async function fill(tar: Pack, folder: string): Promise<Pick<PackedContext, 'files' | 'leftOut'>> {
  const leftOut: string[] = [];
  let members = 0;
  let files = 0;
  let unpacked = 0;
  for await (const member of contextMembers(folder, (path) => leftOut.push(path))) {
    members += 1;
    if (member.type !== 'directory') files += 1;
    if (member.type === 'file') unpacked += member.stats.size;
    if (members > limits.contextEntries) throw tooLarge(folder, `more than ${limits.contextEntries} files and folders`);
    if (unpacked > limits.contextUnpackedBytes)
      throw tooLarge(folder, `more than ${mebibytes(limits.contextUnpackedBytes)}`);
    await addMember(tar, folder, member);
  }
  tar.finalize();
  return { files, leftOut };
}

async function addMember(tar: Pack, folder: string, { path, type, stats, target }: ContextMember): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const done = (error?: Error | null) => (error ? reject(error) : resolve());
  const size = type === 'file' ? stats.size : 0;
  const entry = tar.entry(
    {
      name: path,
      type,
      mode: stats.mode & 0o7777,
      mtime: stats.mtime,
      uid: 0,
      gid: 0,
      size,
      ...(target && { linkname: target }),
    },
    done,
  );
  if (type !== 'file') return promise;
  const content = size === 0 ? Readable.from([]) : createReadStream(join(folder, path), { end: size - 1 });
  const [written, closed] = await Promise.allSettled([pipeline(content, entry), promise]);
  for (const end of [written, closed]) {
    if (end.status === 'fulfilled') continue;
    throw invalid(
      'context',
      `${path} cannot be packed: ${errorText(end.reason)}`,
      'Make it readable, and let nothing write to it meanwhile.',
    );
  }
}

/** Passes bytes on, up to so many. */
function bounded(most: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > most) done(tooLarge('', `more than ${mebibytes(most)} when packed`));
      else done(null, chunk);
    },
  });
}

function tooLarge(folder: string, how: string): HarborError {
  return invalid(
    'context',
    `${folder === '' ? 'the build context' : folder} is too large: ${how}`,
    'Point --context to a smaller folder, or move what the image does not need out of it.',
  );
}

function mebibytes(bytes: number): string {
  return `${bytes / 1024 / 1024} MiB`;
}
