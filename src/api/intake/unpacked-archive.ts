import { type FileHandle, open, rm } from 'node:fs/promises';
import { HarborError, invalid } from '../../model/errors.ts';
import { archiveField, diskError, quoted, sizeText } from './refusal.ts';
import type { File } from './tree.ts';

/** Contents up to this size are read in one go. */
const readBytes = 1024 * 1024;

/**
 * An upload's tar without its compression, as a file: written once while it is read and checked, then read member by
 * member. Gone when it is disposed of.
 */
export class UnpackedArchive implements AsyncDisposable {
  readonly #path: string;
  readonly #handle: FileHandle;
  #bytes = 0;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  static async create(path: string): Promise<UnpackedArchive> {
    return new UnpackedArchive(path, await open(path, 'wx+', 0o600));
  }

  get bytes(): number {
    return this.#bytes;
  }

  async append(chunk: Buffer): Promise<void> {
    try {
      await this.#handle.appendFile(chunk);
    } catch (error) {
      throw diskError(`unpacking an archive to ${this.#path}`, error);
    }
    this.#bytes += chunk.length;
  }

  /** A file's content in pieces of at most 1 MiB. */
  async *read({ offset, size }: File): AsyncGenerator<Buffer> {
    for (let at = 0; at < size; at += readBytes) {
      const piece = Buffer.alloc(Math.min(readBytes, size - at));
      const { bytesRead } = await this.#handle.read(piece, 0, piece.length, offset + at);
      if (bytesRead < piece.length) throw new HarborError('internal', `${this.#path} ends before its members do`);
      yield piece;
    }
  }

  /** A small file's text. Throws `invalid_request` where it is larger than `maxBytes` or not UTF-8. */
  async readText(path: string, file: File, maxBytes: number): Promise<string> {
    if (file.size > maxBytes) throw invalid(archiveField, `${quoted(path)} is larger than ${sizeText(maxBytes)}`);
    const pieces = [];
    for await (const piece of this.read(file)) pieces.push(piece);
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces));
    } catch (error) {
      throw new HarborError('invalid_request', `${archiveField}: ${quoted(path)} is not valid UTF-8`, {
        field: archiveField,
        cause: error,
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
    await rm(this.#path, { force: true });
  }
}
