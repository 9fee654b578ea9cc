import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Refs that are held in memory before they are written. */
const heldRefs = 10_000;
const refBytes = 32;

/** A set of refs that may be larger than memory: files below a folder, one for each first byte. */
export class RefSpool {
  private readonly folder: string;
  private readonly held = new Map<string, Buffer[]>();
  private count = 0;
  /** Prefixes that have a file. */
  private readonly known = new Set<string>();
  /** Of everything that is held no more. */
  private written: Promise<void> = Promise.resolve();

  constructor(folder: string) {
    this.folder = folder;
  }

  async add(refs: Iterable<string>): Promise<void> {
    for (const ref of refs) {
      // Anything else names no blob, and would move all that are written behind it.
      if (!/^[0-9a-f]{64}$/.test(ref)) continue;
      const prefix = ref.slice(0, 2);
      const some = this.held.get(prefix) ?? [];
      some.push(Buffer.from(ref, 'hex'));
      this.held.set(prefix, some);
      this.count += 1;
      if (this.count >= heldRefs) await this.write();
    }
  }

  /** Those that begin with these two digits. */
  async read(prefix: string): Promise<ReadonlySet<string>> {
    await this.write();
    const refs = new Set<string>();
    if (!this.known.has(prefix)) return refs;
    const bytes = await readFile(join(this.folder, prefix));
    for (let at = 0; at < bytes.length; at += refBytes) refs.add(bytes.toString('hex', at, at + refBytes));
    return refs;
  }

  private write(): Promise<void> {
    if (this.held.size === 0) return this.written;
    const held = [...this.held];
    for (const [prefix] of held) this.known.add(prefix);
    this.held.clear();
    this.count = 0;
    this.written = this.append(held, this.written);
    return this.written;
  }

  private async append(held: readonly (readonly [string, readonly Buffer[]])[], before: Promise<void>): Promise<void> {
    await before;
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    for (const [prefix, refs] of held) await appendFile(join(this.folder, prefix), Buffer.concat(refs));
  }
}
