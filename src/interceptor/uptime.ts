import { appendFile, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { hasCode, readIfThere } from '../embedded/files.ts';
import { HarborError } from '../model/errors.ts';
import { tryParseJson } from '../model/json.ts';
import type { Absence } from '../model/resume.ts';

/** Milliseconds between marks of life; so exactly is the end of an interval known that a crash ended. */
const markMs = 1000;
/** Milliseconds without a mark after which the process that should make them is taken to be gone. */
const silentMs = 5 * markMs;

const lineSchema = z.object({
  event: z.enum(['start', 'stop']),
  at: z.string(),
  /** Of a stop: nobody was left to write it at the time; it is the last mark of life. */
  crashed: z.boolean().optional(),
});
type Line = z.infer<typeof lineSchema>;

const pathIn = (directory: string): string => join(directory, 'uptime.jsonl');

/**
 * The record of when the interceptor served (`uptime.jsonl`): a line when it begins to and one when it stops. In between,
 * the file's own time of change is the mark of life.
 */
export class Uptime {
  private readonly path: string;
  private readonly onError: (error: HarborError) => void;
  private timer: NodeJS.Timeout | undefined;
  private serves = false;
  /** Lines are written one after the other. */
  private written: Promise<void>;

  private constructor(path: string, onError: (error: HarborError) => void) {
    this.path = path;
    this.onError = onError;
    this.written = Promise.resolve();
  }

  /** Of an interceptor that serves nobody yet. Says first when the one before it crashed. */
  static async open(directory: string, onError: (error: HarborError) => void): Promise<Uptime> {
    const path = pathIn(directory);
    const lines = await readLines(path);
    if (lines.at(-1)?.event === 'start') {
      await append(path, { event: 'stop', at: (await stat(path)).mtime.toISOString(), crashed: true });
    }
    return new Uptime(path, onError);
  }

  /** From now on it serves. Saying it again is fine. */
  begin(): void {
    if (this.serves) return;
    this.serves = true;
    this.write('start');
    this.timer = setInterval(() => {
      const now = new Date();
      utimes(this.path, now, now).catch((cause: unknown) => this.report('cannot be marked', cause));
    }, markMs);
    this.timer.unref();
  }

  /** From now on it does not. Saying it again is fine. */
  end(): void {
    if (!this.serves) return;
    this.serves = false;
    clearInterval(this.timer);
    this.write('stop');
  }

  async close(): Promise<void> {
    this.end();
    await this.written;
  }

  private write(event: Line['event']): void {
    const at = new Date().toISOString();
    this.written = this.written
      .then(() => append(this.path, { event, at }))
      .catch((cause: unknown) => this.report('cannot be written', cause));
  }

  private report(what: string, cause: unknown): void {
    this.onError(new HarborError('internal', `${this.path} ${what}`, { cause }));
  }
}

/** When the interceptor of that folder served nobody, in order; the last one may still last. Before its first start it was not there. */
export async function readAbsences(directory: string): Promise<readonly Absence[]> {
  const path = pathIn(directory);
  const absences: Absence[] = [];
  let since: Date | undefined;
  let last: Line | undefined;
  for (last of await readLines(path)) {
    if (last.event === 'stop') since ??= new Date(last.at);
    else if (since) {
      absences.push({ since, until: new Date(last.at) });
      since = undefined;
    }
  }
  const now = new Date();
  if (last?.event === 'start') {
    const marked = await markedAt(path);
    if (marked && now.getTime() - marked.getTime() > silentMs) since = marked;
  }
  return since ? [...absences, { since, until: now }] : absences;
}

async function readLines(path: string): Promise<readonly Line[]> {
  const lines = ((await readIfThere(path)) ?? '').split('\n');
  return lines.flatMap((line) => tryParseJson(line, lineSchema) ?? []);
}

async function markedAt(path: string): Promise<Date | undefined> {
  try {
    return (await stat(path)).mtime;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function append(path: string, line: Line): Promise<void> {
  await appendFile(path, `${JSON.stringify(line)}\n`, { mode: 0o600 });
}
