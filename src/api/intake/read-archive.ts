import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { z } from 'zod';
import { HarborError, errorText, invalid } from '../../model/errors.ts';
import { check } from '../../model/json.ts';
import { limits } from '../../model/limits.ts';
import { memberPath } from './member-path.ts';
import { archiveField, quoted, refuseMember, sizeText } from './refusal.ts';
import { feed } from './tar-streams.ts';
import { type Member, type Tree, TreeBuilder } from './tree.ts';
import type { UnpackedArchive } from './unpacked-archive.ts';

export interface Bounds {
  /** Files and folders, also those folders that the archive does not name. */
  readonly entries: number;
  /** Bytes of the tar without its compression; what a hard link repeats counts too. */
  readonly bytes: number;
}

const contextBounds: Bounds = { entries: limits.contextEntries, bytes: limits.contextUnpackedBytes };

/**
 * Reads a tar.gz once, front to end, into `unpacked`, and says what is in it. Throws `invalid_request` that names the
 * member at fault, as soon as it comes by: names or links that leave the tree, anything but files, folders and links,
 * more than the bounds allow (nothing is read after that), or no whole tar.gz.
 *
 * Permission bits are kept; setuid, setgid and sticky bits are dropped, since images set them by RUN where they mean to
 * and an upload does so by accident. Hard links become files. Owners, and what pax headers say beside names and sizes,
 * do not matter. Zeros may follow the archive's end; members that do are read, anything else is refused.
 */
export async function readArchive(
  source: Readable,
  unpacked: UnpackedArchive,
  signal: AbortSignal,
  bounds: Bounds = contextBounds,
): Promise<Tree> {
  // Names as raw bytes, so that they are decoded here, strictly.
  const options = { filenameEncoding: 'latin1', highWaterMark: 256 * 1024 };
  const entries = extract(options);
  const feeding = pipeline(
    source,
    createGunzip({ chunkSize: 256 * 1024 }),
    (chunks: AsyncIterable<Buffer>) => feed(entries, kept(chunks, unpacked, bounds)),
    { signal },
  ).catch((error: unknown) => {
    entries.destroy(error instanceof Error ? error : new Error(errorText(error)));
    throw error;
  });
  // The reader's error comes first: a feeder that it stopped only says that the stream is closed.
  const [read, fed] = await Promise.allSettled([readMembers(entries, bounds), feeding]);
  if (read.status === 'rejected') throw explained(read.reason, signal);
  if (fed.status === 'rejected') throw explained(fed.reason, signal);
  return read.value;
}

async function* kept(chunks: AsyncIterable<Buffer>, unpacked: UnpackedArchive, bounds: Bounds): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    if (unpacked.bytes + chunk.length > bounds.bytes) throw tooLarge(bounds);
    await unpacked.append(chunk);
    yield chunk;
  }
}

const tooLarge = ({ bytes }: Bounds) => invalid(archiveField, `is larger than ${sizeText(bytes)} once unpacked`);

/** As tar-stream gives it, in part beyond its types. */
const headerSchema = z.object({
  name: z.string(),
  /** null where tar-stream knows no such type. */
  type: z
    .string()
    .nullable()
    .transform((type) => type ?? 'unknown'),
  linkname: z.string().nullable(),
  mode: z.number().catch(0),
  mtime: z.date().catch(new Date(0)),
  size: z.number(),
  /** Where in the tar the content begins. */
  byteOffset: z.number(),
  pax: z.record(z.string(), z.string()).nullable(),
});
type Header = z.infer<typeof headerSchema>;

async function readMembers(entries: AsyncIterable<Entry>, bounds: Bounds): Promise<Tree> {
  const builder = new TreeBuilder(bounds.entries);
  let repeatedBytes = 0;
  for await (const entry of entries) {
    const header = check(entry.header, headerSchema, archiveField);
    const isTooLarge = () => header.byteOffset + header.size + repeatedBytes > bounds.bytes;
    // Before its content is read: an archive that blows up is left at once.
    if (isTooLarge()) throw tooLarge(bounds);
    const name = decoded(header.name, header.pax?.['path']);
    const path = memberPath(name);
    const member = await readMember(name, header, entry, builder.tree);
    if (header.type === 'link' && member.type === 'file') repeatedBytes += member.size;
    if (isTooLarge()) throw tooLarge(bounds);
    if (path !== '') builder.add(path, member);
    else if (member.type !== 'directory') throw refuseMember(name, 'is an empty name');
    entry.resume();
  }
  return builder.tree;
}

interface Entry extends AsyncIterable<unknown> {
  readonly header: unknown;
  resume(): unknown;
}

/** In a pax header names are UTF-8 already, with a mark in the place of what is not. */
function decoded(name: string, paxName: string | undefined): string {
  const isPax = Boolean(paxName) && name === paxName;
  const bytes = Buffer.from(name, isPax ? 'utf8' : 'latin1');
  if (!isUtf8(bytes) || name.includes('\uFFFD')) throw refuseMember(name, 'is not valid UTF-8', 'Rename it.');
  return bytes.toString('utf8');
}

async function readMember(name: string, header: Header, entry: Entry, before: Tree): Promise<Member> {
  const { mtime, pax } = header;
  const mode = header.mode & 0o777;
  if (Object.keys(pax ?? {}).some((key) => key.startsWith('GNU.sparse.'))) throw unsupported(name);
  switch (header.type) {
    case 'directory':
      // A packer that knows no modes writes 0.
      return { type: 'directory', mode: mode || 0o755, mtime };
    case 'file':
    case 'contiguous-file': {
      const hash = createHash('sha256');
      for await (const chunk of entry) if (Buffer.isBuffer(chunk)) hash.update(chunk);
      const sha256 = hash.digest('hex');
      return { type: 'file', mode: mode || 0o644, mtime, size: header.size, offset: header.byteOffset, sha256 };
    }
    case 'symlink':
      return { type: 'link', mtime, target: linkTarget(name, header) };
    case 'link': {
      const target = linkTarget(name, header);
      const original = before.get(memberPath(target));
      if (original?.type === 'file') return original;
      throw refuseMember(name, `is a hard link to ${quoted(target)}, which is no file before it`);
    }
    default:
      throw unsupported(name);
  }
}

const unsupported = (name: string) =>
  refuseMember(name, 'is neither a plain file, a folder nor a link', 'Pack without devices, pipes and --sparse.');

function linkTarget(name: string, { linkname, pax }: Header): string {
  const target = decoded(linkname ?? '', pax?.['linkpath']);
  if (target === '' || target.includes('\0') || Buffer.byteLength(target) > 4096) {
    throw refuseMember(name, 'is a link to no valid path');
  }
  return target;
}

/** What goes wrong in gzip or tar is the archive's fault; what a file system says is ours. */
function explained(error: unknown, signal: AbortSignal): unknown {
  if (HarborError.isInstance(error)) return error;
  if (signal.aborted) return signal.reason;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code !== '' && !code.startsWith('Z_')) {
    return new HarborError('internal', `the archive could not be read: ${errorText(error)}`, { cause: error });
  }
  return new HarborError('invalid_request', `${archiveField}: is no whole tar.gz: ${errorText(error)}`, {
    field: archiveField,
    cause: error,
    remedy: 'Send the base64 text of a tar archive that is compressed with gzip.',
  });
}
