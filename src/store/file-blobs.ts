import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { access, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { constants, createZstdCompress, createZstdDecompress, zstdCompress, zstdDecompress } from 'node:zlib';
import { HarborError } from '../model/errors.ts';
import type { BlobStore } from './blobs.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/**
 * A blob file is a head and a zstd frame. The head of a whole blob is one byte, 0. That of one kept as the difference to
 * another is 1 + n for n bases below it, then the base's sha256: the frame is compressed with the base as dictionary.
 */
const wholeHead = 1;
const differenceHead = 33;

/** Bases below a blob at most, so that reading one never costs more than this many decompressions. */
const deepest = 16;

/** zstd's largest window that needs no special build: 128 MiB. */
const largestWindowLog = 27;

/** Blobs as files below a folder of this machine. */
export function fileBlobs(folder: string): BlobStore {
  const place = (ref: string): string => join(folder, ref.slice(0, 2), ref);

  async function putFile(ref: string, head: Buffer, frame: Buffer): Promise<void> {
    const temporary = await temporaryFile(folder);
    await writeFile(temporary, [head, frame]);
    await moveTo(temporary, place(ref));
  }

  async function read(ref: string): Promise<Buffer> {
    try {
      return await readFile(place(ref));
    } catch (error) {
      throw new HarborError('internal', `blob ${ref} is not in the store`, { cause: error });
    }
  }

  async function get(ref: string): Promise<Buffer> {
    const file = await read(ref);
    if (file[0] === 0) return decompress(file.subarray(wholeHead));
    const base = await get(file.subarray(1, differenceHead).toString('hex'));
    return decompress(file.subarray(differenceHead), {
      dictionary: base,
      params: { [constants.ZSTD_d_windowLogMax]: largestWindowLog },
    });
  }

  /** How many bases lie below a blob; undefined where it is not there. */
  async function depth(ref: string): Promise<number | undefined> {
    const file = await open(place(ref)).catch(() => undefined);
    if (!file) return undefined;
    try {
      const { buffer } = await file.read(Buffer.alloc(1), 0, 1, 0);
      return buffer[0] ?? 0;
    } finally {
      await file.close();
    }
  }

  return {
    async put(content, { similarTo } = {}) {
      const ref = sha256(content);
      if (await exists(place(ref))) return ref;
      const bases = similarTo === undefined || similarTo === ref ? undefined : await depth(similarTo);
      if (similarTo === undefined || bases === undefined || bases >= deepest) {
        await putFile(ref, Buffer.of(0), await compress(content));
        return ref;
      }
      const base = await get(similarTo);
      const windowLog = Math.min(
        largestWindowLog,
        Math.max(10, Math.ceil(Math.log2(base.length + content.length + 1))),
      );
      const frame = await compress(content, { dictionary: base, params: { [constants.ZSTD_c_windowLog]: windowLog } });
      await putFile(ref, Buffer.concat([Buffer.of(1 + bases), Buffer.from(similarTo, 'hex')]), frame);
      return ref;
    },

    async putStream(content) {
      const temporary = await temporaryFile(folder);
      const hash = createHash('sha256');
      let bytes = 0;
      const measure = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          hash.update(chunk);
          bytes += chunk.length;
          done(null, chunk);
        },
      });
      await writeFile(temporary, Buffer.of(0));
      try {
        await pipeline(content, measure, createZstdCompress(), createWriteStream(temporary, { flags: 'a' }));
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
      const ref = hash.digest('hex');
      await moveTo(temporary, place(ref));
      return { ref, bytes };
    },

    get,

    async open(ref) {
      const bases = await depth(ref);
      if (bases !== 0) return Readable.from([await get(ref)]);
      const source = createReadStream(place(ref), { start: wholeHead });
      return source.pipe(createZstdDecompress()).on('close', () => source.destroy());
    },
  };
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

async function temporaryFile(folder: string): Promise<string> {
  const temporary = join(folder, 'tmp');
  await mkdir(temporary, { recursive: true, mode: 0o700 });
  return join(temporary, randomUUID());
}

async function moveTo(temporary: string, place: string): Promise<void> {
  await mkdir(dirname(place), { recursive: true, mode: 0o700 });
  await rename(temporary, place);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
