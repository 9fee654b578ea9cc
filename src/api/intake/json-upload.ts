import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Readable, addAbortSignal } from 'node:stream';
import { z } from 'zod';
import { HarborError, invalid } from '../../model/errors.ts';
import { parseJson } from '../../model/json.ts';
import { Base64Decoder } from './base64.ts';
import { FieldScanner } from './field-scanner.ts';
import { diskError, sizeText } from './refusal.ts';

export interface UploadOptions {
  /** The top-level field whose value, base64 text or null, is taken out. */
  readonly field: string;
  /** A folder for the archive's file. */
  readonly directory: string;
  /** Bounds the body less that field. */
  readonly maxJsonBytes: number;
  /** Bounds the field's bytes once decoded. */
  readonly maxArchiveBytes: number;
  readonly signal: AbortSignal;
}

export interface Upload {
  /** The body, a JSON object, with `null` for the field's value. An empty body, as old clients send to /build, is `{}`. */
  readonly body: string;
  /** null where the field is null or absent. The file is the caller's to remove. */
  readonly archive: { readonly path: string; readonly bytes: number } | null;
  /** Of all that was sent, archive included; hex. */
  readonly sha256: string;
}

/**
 * Receives a JSON request body and writes the one large field in it to a file as it comes, so that memory stays flat.
 * Throws `invalid_request` that names the field at fault: broken JSON, base64 or UTF-8, a body over its limits, given
 * twice or cut off; then no file stays behind, and the stream is neither destroyed nor read to its end, so that the
 * caller can still answer on its connection. Throws the signal's reason when that aborts.
 */
export async function receiveUpload(stream: Readable, options: UploadOptions): Promise<Upload> {
  const { field, maxJsonBytes, signal } = options;
  const path = join(options.directory, `${randomUUID()}.tar.gz`);
  await using file = new LazyFile(path);
  try {
    const scanner = new FieldScanner(field, maxJsonBytes);
    const decoder = new Base64Decoder();
    const hash = createHash('sha256');
    for await (const chunk of received(stream, signal)) {
      hash.update(chunk);
      const text = scanner.push(chunk);
      if (!scanner.hasValue) continue;
      const bytes = decoder.decode(text);
      if (!bytes) throw invalid(field, 'is not base64');
      await file.append(bytes);
      if (file.bytes > options.maxArchiveBytes) {
        throw invalid(field, `is larger than ${sizeText(options.maxArchiveBytes)} once decoded`);
      }
    }
    const body = scanner.end().trim() || '{}';
    parseJson(body, z.looseObject({ [field]: z.null('must be base64 text or null').optional() }, 'must be an object'));
    if (!decoder.isComplete) throw invalid(field, 'is not base64: its last characters are missing');
    const archive = scanner.hasValue ? { path, bytes: file.bytes } : null;
    return { body, archive, sha256: hash.digest('hex') };
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

async function* received(stream: Readable, signal: AbortSignal): AsyncGenerator<Buffer> {
  addAbortSignal(signal, stream);
  try {
    const chunks: AsyncIterable<Buffer> = stream.iterator({ destroyOnReturn: false });
    for await (const chunk of chunks) yield chunk;
  } catch (error) {
    signal.throwIfAborted();
    throw new HarborError('invalid_request', 'body: broke off before it was complete', { field: 'body', cause: error });
  }
}

/** A new file that is made by the first bytes for it. */
class LazyFile implements AsyncDisposable {
  bytes = 0;
  readonly #path: string;
  #handle: FileHandle | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async append(content: Buffer): Promise<void> {
    try {
      this.#handle ??= await open(this.#path, 'wx', 0o600);
      await this.#handle.appendFile(content);
    } catch (error) {
      throw diskError(`writing an upload to ${this.#path}`, error);
    }
    this.bytes += content.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle?.close();
  }
}
