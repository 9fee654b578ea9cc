import { Readable } from 'node:stream';
import { sql } from 'kysely';
import type { BlobStore } from './blobs.ts';
import type { Db } from './database.ts';

/** Logs as they grow. Bytes have places, so that two writers of one log that say the same do no harm. */
export interface LogStore {
  /** Puts bytes at their place. Saying it again is fine; what comes when the log is closed changes nothing. */
  append(logId: string, offset: number, data: Buffer): Promise<void>;
  /** Bytes known without a gap, from the start. */
  length(logId: string): Promise<number>;
  /** Some bytes from `offset` on, a few MiB at most of a growing log; empty where there is nothing yet. */
  read(logId: string, offset: number): Promise<Buffer>;
  /** Those of these logs that grow no more. */
  closed(logIds: readonly string[]): Promise<readonly ClosedLog[]>;
  /** Moves logs that grow no more into one blob each. Idempotent. */
  close(...logIds: readonly string[]): Promise<void>;
}

export interface ClosedLog {
  readonly id: string;
  /** Its blob. */
  readonly ref: string;
  readonly bytes: number;
}

interface Chunk {
  readonly byteOffset: number;
  readonly data: Uint8Array;
}

const pageChunks = 64;

export function logStore(db: Db, blobs: BlobStore): LogStore {
  const closed = (logId: string) => db.selectFrom('logs').selectAll().where('id', '=', logId).executeTakeFirst();

  /** Chunks from the one that holds `offset` on, in order. */
  async function chunksFrom(logId: string, offset: number): Promise<readonly Chunk[]> {
    const holding =
      offset > 0 &&
      (await db
        .selectFrom('logChunks')
        .select('byteOffset')
        .where('logId', '=', logId)
        .where('byteOffset', '<=', offset)
        .orderBy('byteOffset', 'desc')
        .executeTakeFirst());
    return db
      .selectFrom('logChunks')
      .select(['byteOffset', 'data'])
      .where('logId', '=', logId)
      .where('byteOffset', '>=', holding ? holding.byteOffset : offset)
      .orderBy('byteOffset')
      .limit(pageChunks)
      .execute();
  }

  /** What is new from `offset` on, without a gap: chunks of two writers may overlap. */
  async function page(logId: string, offset: number): Promise<{ readonly data: Buffer; readonly isLast: boolean }> {
    const chunks = await chunksFrom(logId, offset);
    const pieces: Uint8Array[] = [];
    let end = offset;
    for (const { byteOffset, data } of chunks) {
      if (byteOffset > end || byteOffset + data.length <= end) continue;
      const fresh = data.subarray(end - byteOffset);
      pieces.push(fresh);
      end += fresh.length;
    }
    return { data: Buffer.concat(pieces), isLast: chunks.length < pageChunks };
  }

  async function* pages(logId: string, first: Buffer): AsyncGenerator<Buffer> {
    let end = 0;
    for (let next = first; next.length > 0; next = (await page(logId, end)).data) {
      yield next;
      end += next.length;
    }
  }

  /** Most logs are one page; of a larger one no more than a page is held in memory. */
  async function putWhole(logId: string): Promise<{ readonly ref: string; readonly bytes: number } | undefined> {
    const { data, isLast } = await page(logId, 0);
    if (data.length === 0) return undefined;
    if (isLast) return { ref: await blobs.put(data), bytes: data.length };
    return blobs.putStream(Readable.from(pages(logId, data)));
  }

  async function moveToBlob(logId: string): Promise<void> {
    const whole = await putWhole(logId);
    if (whole) {
      await db
        .insertInto('logs')
        .values({ id: logId, ...whole })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    }
    // Whoever reads finds the whole log from now on, so that nobody misses the chunks.
    await db.deleteFrom('logChunks').where('logId', '=', logId).execute();
  }

  return {
    async append(logId, offset, data) {
      if (data.length === 0) return;
      await sql`insert into log_chunks (log_id, byte_offset, data)
        select ${logId}::text, ${offset}::bigint, ${data}::bytea
        where not exists (select 1 from logs where id = ${logId})
        on conflict do nothing`.execute(db);
    },

    async length(logId) {
      const { rows } = await sql<{ bytes: number }>`select coalesce(
        (select bytes from logs where id = ${logId}),
        (select byte_offset + length(data) from log_chunks where log_id = ${logId} order by byte_offset desc limit 1),
        0
      ) as bytes`.execute(db);
      return rows[0]?.bytes ?? 0;
    },

    async read(logId, offset) {
      const whole = await closed(logId);
      if (whole) return (await blobs.get(whole.ref)).subarray(offset);
      const { data } = await page(logId, offset);
      if (data.length > 0) return data;
      // It may have been closed between the two looks.
      const since = await closed(logId);
      return since ? (await blobs.get(since.ref)).subarray(offset) : data;
    },

    async closed(logIds) {
      if (logIds.length === 0) return [];
      return db.selectFrom('logs').select(['id', 'ref', 'bytes']).where('id', 'in', logIds).execute();
    },

    async close(...logIds) {
      const growing = await db
        .selectFrom('logChunks')
        .select('logId')
        .distinct()
        .where('logId', 'in', logIds)
        .execute();
      for (const { logId } of growing) await moveToBlob(logId);
    },
  };
}
