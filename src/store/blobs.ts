import type { Readable } from 'node:stream';

/**
 * Content-addressed bytes. A ref is the sha256 (hex) of the content as it was put in, whatever form it is kept in, and
 * the content comes back byte for byte. Putting what is there already costs a hash and no more.
 */
export interface BlobStore {
  /** `similarTo`: a blob that this one repeats for the most part (the conversation before it); only what is new is kept. */
  put(content: Buffer, options?: { readonly similarTo?: string | undefined }): Promise<string>;
  /** For content that should not be held in memory. */
  putStream(content: Readable): Promise<{ readonly ref: string; readonly bytes: number }>;
  /** Throws `internal` where there is no such blob. */
  get(ref: string): Promise<Buffer>;
  open(ref: string): Promise<Readable>;
}
