import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { constants, createZstdCompress, createZstdDecompress, zstdCompress, zstdDecompress } from 'node:zlib';
import { BlobFiles, differenceHead, headOf, wholeHead } from './blob-files.ts';
import type { BlobStore } from './blobs.ts';
import { sweepBlobs } from './sweep-blobs.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** Bases below a blob at most, so that reading one never costs more than this many decompressions. */
const deepest = 16;

/** zstd's largest window that needs no special build: 128 MiB. */
const largestWindowLog = 27;

/** Blobs as files below a folder of this machine. */
export function fileBlobs(folder: string): BlobStore {
  const files = new BlobFiles(folder);

  async function get(ref: string): Promise<Buffer> {
    const file = await files.read(ref);
    const { base } = headOf(file);
    if (base === undefined) return decompress(file.subarray(wholeHead));
    return decompress(file.subarray(differenceHead), {
      dictionary: await get(base),
      params: { [constants.ZSTD_d_windowLogMax]: largestWindowLog },
    });
  }

  return {
    async put(content, { similarTo } = {}) {
      const ref = sha256(content);
      if (await files.touch(ref)) return ref;
      // Touched, so that it is still there when this one is.
      const similar = similarTo === undefined || similarTo === ref ? undefined : await files.touch(similarTo);
      if (similarTo === undefined || similar === undefined || similar.bases >= deepest) {
        await files.write(ref, Buffer.of(0), await compress(content));
        return ref;
      }
      const base = await get(similarTo);
      const windowLog = Math.min(
        largestWindowLog,
        Math.max(10, Math.ceil(Math.log2(base.length + content.length + 1))),
      );
      const frame = await compress(content, { dictionary: base, params: { [constants.ZSTD_c_windowLog]: windowLog } });
      await files.write(ref, Buffer.concat([Buffer.of(1 + similar.bases), Buffer.from(similarTo, 'hex')]), frame);
      return ref;
    },

    async putStream(content) {
      const temporary = await files.temporary();
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
      await files.moveIn(temporary, ref);
      return { ref, bytes };
    },

    get,

    async open(ref) {
      const head = await files.head(ref);
      if (!head || head.base !== undefined) return Readable.from([await get(ref)]);
      const source = createReadStream(files.place(ref), { start: wholeHead });
      return source.pipe(createZstdDecompress()).on('close', () => source.destroy());
    },

    sweep: (request) => sweepBlobs(files, request),
  };
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
