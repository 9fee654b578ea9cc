import type { BlobStore } from './blobs.ts';
import type { Db } from './database.ts';

/** Logs as they grow. Bytes have places, so that two writers of one log that say the same do no harm. */
export interface LogStore {
  /** Puts bytes at their place. Saying it again is fine. */
  append(logId: string, offset: number, data: Buffer): Promise<void>;
  /** Bytes known without a gap, from the start. */
  length(logId: string): Promise<number>;
  /** At most about 1 MiB from `offset` on; empty where there is nothing yet. */
  read(logId: string, offset: number): Promise<Buffer>;
  /** Moves a log that grows no more into one blob. Idempotent; returns undefined for a log without a byte. */
  close(logId: string): Promise<{ readonly ref: string; readonly bytes: number } | undefined>;
}

const pageChunks = 64;

export function logStore(db: Db, blobs: BlobStore): LogStore {
  const closed = (logId: string) => db.selectFrom('logs').selectAll().where('id', '=', logId).executeTakeFirst();

  /** Chunks that reach beyond `offset`, in order. Chunks of two writers may overlap. */
  async function chunksFrom(
    logId: string,
    offset: number,
  ): Promise<readonly { byteOffset: number; data: Uint8Array }[]> {
    const before = await db
      .selectFrom('logChunks')
      .select('byteOffset')
      .where('logId', '=', logId)
      .where('byteOffset', '<=', offset)
      .orderBy('byteOffset', 'desc')
      .executeTakeFirst();
    return db
      .selectFrom('logChunks')
      .select(['byteOffset', 'data'])
      .where('logId', '=', logId)
      .where('byteOffset', '>=', before?.byteOffset ?? offset)
      .orderBy('byteOffset')
      .limit(pageChunks)
      .execute();
  }

  async function read(logId: string, offset: number): Promise<Buffer> {
    const whole = await closed(logId);
    if (whole) return (await blobs.get(whole.ref)).subarray(offset);
    const pieces: Uint8Array[] = [];
    let end = offset;
    for (const { byteOffset, data } of await chunksFrom(logId, offset)) {
      if (byteOffset > end) break;
      const fresh = data.subarray(end - byteOffset);
      if (fresh.length === 0) continue;
      pieces.push(fresh);
      end += fresh.length;
    }
    return Buffer.concat(pieces);
  }

  return {
    async append(logId, offset, data) {
      if (data.length === 0) return;
      await db
        .insertInto('logChunks')
        .values({ logId, byteOffset: offset, data })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    },

    async length(logId) {
      const whole = await closed(logId);
      if (whole) return whole.bytes;
      const last = await db
        .selectFrom('logChunks')
        .select((eb) => ['byteOffset', eb.fn<number>('length', ['data']).as('bytes')])
        .where('logId', '=', logId)
        .orderBy('byteOffset', 'desc')
        .executeTakeFirst();
      return last ? last.byteOffset + last.bytes : 0;
    },

    read,

    async close(logId) {
      const done = await closed(logId);
      if (done) return { ref: done.ref, bytes: done.bytes };
      const pieces: Buffer[] = [];
      let end = 0;
      for (let piece = await read(logId, 0); piece.length > 0; piece = await read(logId, end)) {
        pieces.push(piece);
        end += piece.length;
      }
      if (end === 0) return undefined;
      const ref = await blobs.put(Buffer.concat(pieces));
      await db.transaction().execute(async (tx) => {
        await tx
          .insertInto('logs')
          .values({ id: logId, ref, bytes: end })
          .onConflict((conflict) => conflict.doNothing())
          .execute();
        await tx.deleteFrom('logChunks').where('logId', '=', logId).execute();
      });
      return { ref, bytes: end };
    },
  };
}
