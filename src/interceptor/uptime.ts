import { appendFile, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere } from '../embedded/files.ts';
import { HarborError } from '../model/errors.ts';
import { tryParseJson } from '../model/json.ts';

/** Milliseconds between marks of life; so exactly is the end of an interval known that a crash ended. */
const markMs = 1000;

const lineSchema = z.object({
  event: z.enum(['start', 'stop']),
  at: z.string(),
  /** Of a stop: nobody was left to write it at the time; it is the last mark of life. */
  crashed: z.boolean().optional(),
});
type Line = z.infer<typeof lineSchema>;

/**
 * The record of when the interceptor was up (`uptime.jsonl`): a line when it starts and one when it stops. In between,
 * the file's own time of change is the mark of life.
 */
export class Uptime {
  private readonly path: string;
  private readonly timer: NodeJS.Timeout;

  private constructor(path: string, timer: NodeJS.Timeout) {
    this.path = path;
    this.timer = timer;
  }

  static async start(directory: string, onError: (error: HarborError) => void): Promise<Uptime> {
    const path = join(directory, 'uptime.jsonl');
    const last = (await readIfThere(path))?.trimEnd().split('\n').at(-1);
    if (tryParseJson(last ?? '', lineSchema)?.event === 'start') {
      await append(path, { event: 'stop', at: (await stat(path)).mtime.toISOString(), crashed: true });
    }
    await append(path, { event: 'start', at: new Date().toISOString() });
    const timer = setInterval(() => {
      const now = new Date();
      utimes(path, now, now).catch((cause: unknown) =>
        onError(new HarborError('internal', `the time of ${path} cannot be set`, { cause })),
      );
    }, markMs);
    timer.unref();
    return new Uptime(path, timer);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await append(this.path, { event: 'stop', at: new Date().toISOString() });
  }
}

async function append(path: string, line: Line): Promise<void> {
  await appendFile(path, `${JSON.stringify(line)}\n`, { mode: 0o600 });
}
