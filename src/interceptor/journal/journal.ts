import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HarborError } from '../../model/errors.ts';
import type { Revocation } from '../../model/grant.ts';
import { ulidMaker } from '../ulid.ts';
import type { CallLog } from './call-log.ts';
import { FileWriter } from './file-writer.ts';
import { JournalFile } from './journal-file.ts';
import { journalPath, listJournals } from './names.ts';
import type { CallOpening, JournalHead } from './records.ts';

export interface JournalOptions {
  readonly directory: string;
  /** The process that writes. Only one may write into a directory. */
  readonly owner: Omit<JournalHead, 'format'>;
  readonly onError: (error: HarborError) => void;
  /** Bytes after which new calls go into a new file, so that old ones can be deleted. Default 64 MiB. */
  readonly rotateBytes?: number;
  /** Milliseconds after which new calls do so all the same: bodies lie in no file for longer than that. Default an hour. */
  readonly rotateMs?: number;
}

const defaultRotateBytes = 64 * 1024 * 1024;
const defaultRotateMs = 3_600_000;
/** Bytes that may wait for the disk before streams are slowed down to its pace, and new calls refused. */
const behindBytes = 32 * 1024 * 1024;
const catchUpMs = 200;

/** The record of every call of this process, in files that only grow. A call stays in the file in which it began. */
export class Journal {
  private readonly options: JournalOptions;
  private readonly nextUlid: () => string;
  private current: JournalFile;
  private readonly retired = new Map<JournalFile, Promise<void>>();
  private ageing: NodeJS.Timeout | undefined;

  private constructor(options: JournalOptions, nextUlid: () => string, first: JournalFile) {
    this.options = options;
    this.nextUlid = nextUlid;
    this.current = first;
  }

  /** Makes a new file, greater in name than all that are there. */
  static async open(options: JournalOptions): Promise<Journal> {
    const { directory } = options;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    for (const file of await readdir(directory)) if (file.endsWith('.tmp')) await rm(join(directory, file));
    const nextUlid = ulidMaker((await listJournals(directory)).at(-1));
    const journal = new Journal(options, nextUlid, createFile(options, nextUlid()));
    journal.ageing = setInterval(() => journal.age(), options.rotateMs ?? defaultRotateMs).unref();
    return journal;
  }

  /** The name of the file that takes new calls. */
  get name(): string {
    return this.current.name;
  }

  /** Behind everything that was said so far, in this and all older files. */
  get place(): Revocation {
    return { journal: this.current.name, offset: this.current.size };
  }

  /** Begins a call's record and gives the call its id. It is in the file once its `flush` resolves. */
  begin(opening: Omit<CallOpening, 'id'>, request: Buffer): CallLog {
    if (this.current.size >= (this.options.rotateBytes ?? defaultRotateBytes)) this.rotate();
    return this.current.begin({ id: this.nextUlid(), ...opening }, request);
  }

  /** Resolves when everything that was said so far is written. */
  async flush(): Promise<void> {
    await Promise.all([this.current, ...this.retired.keys()].map((file) => file.flush()));
  }

  /** Whether streams run ahead of the disk; what they say waits in memory meanwhile. */
  get isBehind(): boolean {
    let waiting = this.current.waiting;
    for (const file of this.retired.keys()) waiting += file.waiting;
    return waiting > behindBytes;
  }

  /** Resolves when streams may go on. */
  async caughtUp(): Promise<void> {
    while (this.isBehind) {
      try {
        await this.flush();
      } catch {
        // The writer has reported it and tries again.
        await sleep(catchUpMs);
      }
    }
  }

  /** After every call is closed. */
  async close(): Promise<void> {
    clearInterval(this.ageing);
    await Promise.all([this.current.finish(), ...this.retired.values()]);
  }

  /** However little was written: a quiet interceptor would keep for good what is removed everywhere else. */
  private age(): void {
    if (this.current.hasCalls) this.rotate();
  }

  private rotate(): void {
    const full = this.current;
    try {
      this.current = createFile(this.options, this.nextUlid());
    } catch (error) {
      // The full one takes more for now: better a long file than a lost call.
      this.report('a new journal file cannot be made', error);
      return;
    }
    const finished = full
      .emptied()
      .then(() => full.finish())
      .catch((error: unknown) => this.report(`the journal ${full.name} cannot be finished`, error))
      .finally(() => this.retired.delete(full));
    this.retired.set(full, finished);
  }

  private report(message: string, cause: unknown): void {
    this.options.onError(new HarborError('internal', message, { cause }));
  }
}

function createFile({ directory, owner, onError }: JournalOptions, name: string): JournalFile {
  return new JournalFile(name, FileWriter.create(journalPath(directory, name), { format: 1, ...owner }, onError));
}
