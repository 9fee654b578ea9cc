import type { Readable } from 'node:stream';

/**
 * Content-addressed bytes. A ref is the sha256 (hex) of the content as it was put in, whatever form it is kept in, and
 * the content comes back byte for byte. Putting what is there already costs a hash and a touch. What was put stays for a
 * day at least; from then on only what something refers to.
 */
export interface BlobStore {
  /** `similarTo`: a blob that this one repeats for the most part (the conversation before it); only what is new is kept. */
  put(content: Buffer, options?: { readonly similarTo?: string | undefined }): Promise<string>;
  /** For content that should not be held in memory. */
  putStream(content: Readable): Promise<{ readonly ref: string; readonly bytes: number }>;
  /** Throws `internal` where there is no such blob. */
  get(ref: string): Promise<Buffer>;
  open(ref: string): Promise<Readable>;
  /**
   * Removes what nothing refers to. May be broken off, and may run while blobs are put and read, or twice at a time. Undefined,
   * with nothing removed, where the blobs are those of another database.
   */
  sweep(request: BlobSweep): Promise<BlobSweepReport | undefined>;
}

export interface BlobSweep {
  /** The database that holds the references: the first to sweep owns the blobs from then on. */
  readonly owner: string;
  /** Every ref that something holds, in pages of any size; may be said twice. */
  readonly references: AsyncIterable<readonly string[]>;
  /** What was put, or put again, since then stays: whoever put it may still be about to write down its ref. */
  readonly untouchedSince: Date;
  /** Only tell. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
}

/** Numbers of blobs, and bytes that they take where they are kept. */
export interface BlobSweepReport {
  readonly removed: { readonly count: number; readonly bytes: number };
  readonly kept: { readonly count: number; readonly bytes: number };
}
