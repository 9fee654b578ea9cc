import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { extract } from 'tar-stream';
import { limits } from '../model/limits.ts';
import type { AttemptRef } from '../model/stages.ts';
import type { SandboxProvider } from '../sandboxes/provider.ts';
import type { Store } from '../store/store.ts';
import { belowFirst } from './tar-files.ts';

/**
 * Puts files of an attempt's sandbox among its artifacts, as streams and within limits. What is not kept stands there with
 * the reason.
 */
export class FileKeeper {
  readonly #store: Store;
  readonly #ref: AttemptRef;
  /** Bytes that may still be kept. */
  #room: number = limits.artifactsBytes;

  constructor(store: Store, ref: AttemptRef) {
    this.#store = store;
    this.#ref = ref;
  }

  /** A file, or a directory as `<name>.tar`. A path that does not exist leaves nothing. */
  async keepPath(provider: SandboxProvider, sandbox: string, path: string, name: string, signal: AbortSignal) {
    const tar = await provider.get(sandbox, path, signal);
    const kind = tar && (await this.#keepFirst(tar, name));
    const whole = kind === 'directory' ? await provider.get(sandbox, path, signal) : undefined;
    if (whole) await this.#keep(`${name}.tar`, 'application/x-tar', whole);
  }

  /** Every regular file of a folder that came as a tar, below `prefix`; gives back those that are small, by their paths. */
  async keepFolder(tar: Readable, prefix: string): Promise<ReadonlyMap<string, Buffer>> {
    const small = new Map<string, Buffer>();
    const members = extract();
    tar.once('error', (error) => members.destroy(error));
    let files = 0;
    for await (const member of tar.pipe(members)) {
      const name = belowFirst(member.header.name);
      if (member.header.type !== 'file' || name === '' || files >= limits.artifacts) {
        member.resume();
        continue;
      }
      files += 1;
      if (member.header.size <= limits.resultBytes) {
        const content = await buffer(Readable.from(member));
        small.set(name, content);
        await this.keepContent(`${prefix}/${name}`, typeOf(name), content);
      } else {
        await this.#keep(`${prefix}/${name}`, typeOf(name), Readable.from(member));
      }
    }
    return small;
  }

  async keepContent(name: string, contentType: string, content: Buffer): Promise<void> {
    this.#room -= content.length;
    const ref = await this.#store.blobs.put(content);
    await this.#add({ name, contentType, bytes: content.length, ref, omitted: null });
  }

  /** Keeps what a tar holds first, if it is a file; says what it is. */
  async #keepFirst(tar: Readable, name: string): Promise<string> {
    const members = extract();
    tar.once('error', (error) => members.destroy(error));
    try {
      for await (const member of tar.pipe(members)) {
        const { type } = member.header;
        if (type === 'file') await this.#keep(name, typeOf(name), Readable.from(member));
        else if (type !== 'directory') await this.#omit(name, typeOf(name), `it is a ${type}, not a file`);
        return type ?? 'nothing';
      }
      return 'nothing';
    } finally {
      tar.destroy();
    }
  }

  async #keep(name: string, contentType: string, content: Readable): Promise<void> {
    const most = Math.min(limits.artifactBytes, this.#room);
    try {
      const stored = await this.#store.blobs.putStream(Readable.from(upTo(most, content), { objectMode: false }));
      this.#room -= stored.bytes;
      await this.#add({ name, contentType, ...stored, omitted: null });
    } catch (error) {
      if (!(error instanceof TooLarge)) throw error;
      // The rest of it still has to pass by, where others come behind it.
      content.resume();
      await this.#omit(name, contentType, error.message);
    }
  }

  async #omit(name: string, contentType: string, omitted: string): Promise<void> {
    await this.#add({ name, contentType, bytes: 0, ref: null, omitted });
  }

  async #add(artifact: {
    readonly name: string;
    readonly contentType: string;
    readonly bytes: number;
    readonly ref: string | null;
    readonly omitted: string | null;
  }): Promise<void> {
    await this.#store.artifacts.add({ ...this.#ref, ...artifact });
  }
}

class TooLarge extends Error {}

async function* upTo(most: number, content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.length;
    if (bytes > most) throw new TooLarge(`it is larger than the ${Math.max(0, most)} bytes that may be kept`);
    yield chunk;
  }
}

const types: Readonly<Record<string, string>> = {
  json: 'application/json',
  xml: 'application/xml',
  txt: 'text/plain; charset=utf-8',
  log: 'text/plain; charset=utf-8',
  md: 'text/markdown; charset=utf-8',
  diff: 'text/x-diff; charset=utf-8',
};

/** By its name alone; what it really is, only its reader can know. */
const typeOf = (name: string): string => types[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream';
