import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { hasCode } from '../../embedded/files.ts';
import { isRunning } from '../../embedded/process-identity.ts';
import type { BegunCall, CallRecord } from '../../model/call.ts';
import { HarborError } from '../../model/errors.ts';
import { parseJson } from '../../model/json.ts';
import type { BlobStore } from '../../store/blobs.ts';
import { frameTypes } from '../journal/frames.ts';
import { journalPath } from '../journal/names.ts';
import { type PlacedFrame, readFrames } from '../journal/read-frames.ts';
import {
  type CallOpening,
  type JournalHead,
  answerHeadSchema,
  closingSchema,
  journalHeadSchema,
  openingSchema,
} from '../journal/records.ts';
import { type JournaledCall, assembleCall, readRequest } from './assemble.ts';
import type { AttemptHistory } from './attempt-history.ts';
import type { CallSink } from './call-sink.ts';

export interface ProjectionParts {
  readonly directory: string;
  readonly sink: CallSink;
  readonly blobs: BlobStore;
  readonly history: AttemptHistory;
}

/** Calls that are saved at once at most. */
const batchCalls = 200;

/** A call whose last frame has not been read yet. */
interface CallUnderWay {
  readonly opening: CallOpening;
  /** Of its first frame. */
  readonly from: number;
  request: JournaledCall['request'];
  requestRef: string | null;
  head: JournaledCall['head'];
  readonly pieces: Buffer[];
}

/** Reads one journal as it grows and saves its calls as they end. After an error it is made anew from what is saved. */
export class JournalProjection {
  readonly name: string;
  private readonly parts: ProjectionParts;
  private readonly file: FileHandle;
  private readonly owner: JournalHead;
  private readonly underWay = new Map<number, CallUnderWay>();
  /** Where reading goes on. */
  private position: number;
  /** Calls of which it was told that they have begun. */
  private readonly told = new Set<number>();
  private ended: CallRecord[] = [];
  /** Every call that ended before this place is saved. */
  saved: number;

  private constructor(name: string, parts: ProjectionParts, file: FileHandle, owner: JournalHead, position: number) {
    this.name = name;
    this.parts = parts;
    this.file = file;
    this.owner = owner;
    this.position = position;
    this.saved = position;
  }

  /** Undefined where no journal of that name is there any more. */
  static async open(name: string, parts: ProjectionParts, position: number): Promise<JournalProjection | undefined> {
    const path = journalPath(parts.directory, name);
    const file = await openIfThere(path);
    if (!file) return undefined;
    try {
      const { value: first } = await readFrames(file, 0).next();
      if (first?.frame.type !== frameTypes.journal) throw await setAside(path);
      const owner = parseJson(first.frame.payload.toString('utf8'), journalHeadSchema, 'journal');
      return new JournalProjection(name, parts, file, owner, Math.max(position, first.to));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Reads to the end that there is now and saves what ended. True: the journal is complete; it is saved and deleted. */
  async advance(): Promise<boolean> {
    // Asked before reading: after this, a dead process has nothing more to say.
    const isDead = !isRunning(this.owner);
    const isComplete = await this.read();
    if (!isComplete && !isDead) {
      await this.save();
      return false;
    }
    for (const [number, call] of this.underWay) await this.end(number, call, null);
    await this.save();
    await rm(journalPath(this.parts.directory, this.name), { force: true });
    await this.close();
    return true;
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  /** True: the last frame was read. */
  private async read(): Promise<boolean> {
    for await (const placed of readFrames(this.file, this.position)) {
      if (placed.frame.type === frameTypes.end) return true;
      await this.take(placed);
      this.position = placed.to;
      if (this.ended.length >= batchCalls) await this.save();
    }
    return false;
  }

  private async take({ frame, from }: PlacedFrame): Promise<void> {
    const { type, call: number, ms, payload } = frame;
    if (type === frameTypes.open) {
      const opening = parseJson(payload.toString('utf8'), openingSchema, 'call');
      const request = { model: null, streamed: false, bytes: 0 };
      this.underWay.set(number, { opening, from, request, requestRef: null, head: null, pieces: [] });
      return;
    }
    const call = this.underWay.get(number);
    // One that is not under way was saved before this projection began.
    if (!call) return;
    if (type === frameTypes.request) await this.takeRequest(call, payload);
    else if (type === frameTypes.head) {
      call.head = { ...parseJson(payload.toString('utf8'), answerHeadSchema, 'answer'), ms };
    } else if (type === frameTypes.chunk) {
      // A copy: the payload is a small part of a large buffer, which it would keep in memory.
      call.pieces.push(Buffer.from(payload));
    } else if (type === frameTypes.close) {
      await this.end(number, call, { ...parseJson(payload.toString('utf8'), closingSchema, 'end'), ms });
    }
  }

  private async takeRequest(call: CallUnderWay, body: Buffer): Promise<void> {
    const { blobs, history } = this.parts;
    const { opening } = call;
    const similarTo = await history.previousRequest(opening, opening.id);
    call.request = { ...readRequest(opening, body), bytes: body.length };
    call.requestRef = await blobs.put(body, { similarTo });
    await history.opened(opening, opening.id, call.requestRef);
  }

  private async end(number: number, call: CallUnderWay, closing: JournaledCall['closing']): Promise<void> {
    const { blobs, history } = this.parts;
    const { opening, request, requestRef, head } = call;
    const body = Buffer.concat(call.pieces);
    const responseRef = body.length > 0 ? await blobs.put(body) : null;
    const retryOf = requestRef === null ? null : await history.retryOf(opening, opening.id, requestRef);
    const record = assembleCall({ opening, request, head, body, closing }, { requestRef, responseRef, retryOf });
    await history.closed(opening, opening.id, record.status);
    this.underWay.delete(number);
    this.told.delete(number);
    this.ended.push(record);
  }

  /** Tells which calls have begun; not of those that are over already. */
  private async tell(): Promise<void> {
    const news = [...this.underWay].filter(([number, { requestRef }]) => requestRef !== null && !this.told.has(number));
    if (news.length === 0) return;
    await this.parts.sink.begin(news.map(([, call]) => begunCall(call)));
    for (const [number] of news) this.told.add(number);
  }

  private async save(): Promise<void> {
    await this.tell();
    if (this.ended.length > 0) {
      // A projection that is made anew from here meets every open call's first frame.
      const position = Math.min(this.position, ...Array.from(this.underWay.values(), ({ from }) => from));
      await this.parts.sink.save(this.ended, this.name, position);
      this.ended = [];
    }
    this.saved = this.position;
  }
}

function begunCall({ opening: { id, rolloutId, attempt }, request: { model } }: CallUnderWay): BegunCall {
  return { id, rolloutId, attempt, model };
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** A journal appears with its first frame in it: one without lost it with the machine. It is kept, and not looked at again. */
async function setAside(path: string): Promise<HarborError> {
  await rename(path, `${path}.damaged`);
  return new HarborError('internal', `the journal ${path} has lost its beginning`, {
    remedy: `It was renamed to ${path}.damaged; the calls in it are missing from the traces.`,
  });
}
