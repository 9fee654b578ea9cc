import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { afterAll, beforeAll } from 'vitest';
import type { CommandEnd, RunRequest, SandboxProvider, SandboxRequest } from '../../src/sandboxes/provider.ts';

/** A provider under the contract, and what the tests need around it. */
export interface Subject {
  readonly provider: SandboxProvider;
  /** An image with a shell, coreutils, perl and useradd. */
  readonly baseImage: string;
  /** Breaks every connection between this process and the provider, once. */
  readonly cut: () => void;
  /** Removes what the provider made, snapshots of these names included. */
  readonly close: (snapshots: readonly string[]) => Promise<void>;
}

export type MakeSubject = () => Promise<Subject>;

export const never = (): AbortSignal => new AbortController().signal;

export interface RunResult {
  readonly end: CommandEnd;
  readonly output: Buffer;
  readonly text: string;
}

/** A subject with one snapshot, and sandboxes of it that go when the tests are over. */
export class Fixture {
  readonly #make: MakeSubject;
  readonly #boxes = new Set<string>();
  readonly #snapshots = new Set<string>();
  #subject: Subject | undefined;
  /** A user `joe` (1000), WORKDIR /work, ENV ENVIRONMENT=image. */
  readonly snapshot = this.snapshotName();

  constructor(make: MakeSubject) {
    this.#make = make;
  }

  get subject(): Subject {
    if (!this.#subject) throw new Error('the subject is there once beforeAll has run');
    return this.#subject;
  }

  get provider(): SandboxProvider {
    return this.subject.provider;
  }

  snapshotName(): string {
    const name = `contract-${randomUUID()}`;
    this.#snapshots.add(name);
    return name;
  }

  async open(): Promise<void> {
    this.#subject = await this.#make();
    await this.build(
      this.snapshot,
      [`FROM ${this.subject.baseImage}`, 'ENV ENVIRONMENT=image', 'RUN useradd -m joe', 'WORKDIR /work', ''].join('\n'),
    );
  }

  async close(): Promise<void> {
    for (const box of this.#boxes) await this.provider.destroy(box);
    await this.subject.close([...this.#snapshots]);
  }

  build(name: string, dockerfile: string, files: Readonly<Record<string, string>> = {}) {
    return this.provider.ensureSnapshot({
      name,
      dockerfile,
      context: async () => tarOf(files),
      force: false,
      onLog: () => {},
      signal: never(),
    });
  }

  /** A request for a small sandbox of a name of its own. */
  request(options: Partial<SandboxRequest> = {}): SandboxRequest {
    const name = options.name ?? `contract-${randomUUID()}`;
    this.#boxes.add(name);
    return {
      name,
      snapshot: this.snapshot,
      labels: { 'harbor.rollout': name },
      env: {},
      cpuCores: 2,
      memoryMb: 256,
      diskMb: 1024,
      egress: 'none',
      toolboxes: [],
      files: [],
      signal: never(),
      ...options,
    };
  }

  async box(options: Partial<SandboxRequest> = {}): Promise<string> {
    return (await this.provider.create(this.request(options))).name;
  }

  /** Runs a command, or a line of shell, to its end. */
  async run(box: string, command: string | readonly string[], options: Partial<RunRequest> = {}): Promise<RunResult> {
    const pieces: Buffer[] = [];
    const end = await this.provider.run(box, {
      id: randomUUID(),
      argv: typeof command === 'string' ? ['sh', '-c', command] : command,
      env: {},
      offset: 0,
      onOutput: (piece) => void pieces.push(Buffer.from(piece)),
      signal: never(),
      ...options,
    });
    const output = Buffer.concat(pieces);
    return { end, output, text: output.toString() };
  }

  /** What a line of shell prints. */
  async read(box: string, line: string): Promise<string> {
    return (await this.run(box, line, { user: '0' })).text.trim();
  }
}

/** Makes the fixture for the tests of the file or the block that it stands in. */
export function useFixture(make: MakeSubject): Fixture {
  const fixture = new Fixture(make);
  beforeAll(() => fixture.open());
  afterAll(() => fixture.close());
  return fixture;
}

export function tarOf(files: Readonly<Record<string, string | Buffer>>, mode = 0o644): Readable {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) tar.entry({ name, mode }, content);
  tar.finalize();
  return Readable.from(tar);
}

/** Somebody waits for a word in the output of a command, and goes on when it comes. */
export class Awaited {
  readonly #heard = Promise.withResolvers<void>();
  #text = '';
  readonly #word: string;

  constructor(word: string) {
    this.#word = word;
  }

  readonly listen = (piece: Buffer): void => {
    this.#text += piece.toString('latin1');
    if (this.#text.includes(this.#word)) this.#heard.resolve();
  };

  get text(): string {
    return this.#text;
  }

  get heard(): Promise<void> {
    return this.#heard.promise;
  }
}
