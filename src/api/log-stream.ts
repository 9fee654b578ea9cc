import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Response } from 'express';
import type { LogStore } from '../store/logs.ts';
import { untilClosed, untilEnding } from './input.ts';

export interface LogStreamOptions {
  readonly logs: LogStore;
  /** Its place in the store; undefined as long as it has none. */
  readonly logId: () => Promise<string | undefined>;
  /** Whether it grows no more. */
  readonly isOver: () => Promise<boolean>;
  readonly offset: number;
  readonly follow: boolean;
  /** Ends the following of a log: the reader goes on at another process. */
  readonly ending?: AbortSignal | undefined;
}

/** Milliseconds between looks at a log that has nothing new: soon for one that moves, seldom for one that rests. */
const firstPauseMs = 100;
const longestPauseMs = 1000;

/** Answers with a log from a byte on; with `follow`, as it grows, until it is over or the reader has gone. */
export async function streamLog(
  response: Response,
  { logs, logId, isOver, offset, follow, ending }: LogStreamOptions,
): Promise<void> {
  const gone = follow ? untilEnding(response, ending) : untilClosed(response);
  response.status(200).set({
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
    // It was written in a sandbox: no browser shall take it for anything else.
    'x-content-type-options': 'nosniff',
  });
  response.flushHeaders();
  if (response.req.method === 'HEAD') {
    response.end();
    return;
  }
  let at = offset;
  for (let pauseMs = firstPauseMs; !gone.aborted; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
    // Asked before the log is read: what it says is true of everything that is read then.
    const over = !follow || (await isOver());
    const id = await logId();
    for (;;) {
      const piece = id === undefined ? undefined : await logs.read(id, at);
      if (piece === undefined || piece.length === 0) break;
      at += piece.length;
      pauseMs = firstPauseMs;
      if (!response.write(piece)) await once(response, 'drain', { signal: gone }).catch(() => {});
      if (gone.aborted) return;
    }
    if (over) break;
    await sleep(pauseMs, undefined, { signal: gone }).catch(() => {});
  }
  response.end();
}
