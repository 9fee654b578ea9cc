import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DrainSettings } from '../config.ts';
import { aborted } from './aborted.ts';

/** How a process is told to end. */
export interface Ending {
  /** Ends it: it takes nothing new and finishes what it has in hand. */
  readonly signal: AbortSignal;
  /** Ends it at once. Comes after `signal`, or never. */
  readonly hurry: AbortSignal;
}

/** Milliseconds between looks for connections that have become idle. */
const lookMs = 50;

/**
 * Resolves when the process shall take nothing new any more: told to end, and not ready for as long as load balancers
 * need to see that.
 */
export async function toldToEnd({ signal, hurry }: Ending, { pauseMs }: DrainSettings): Promise<void> {
  await aborted(signal);
  await rest(pauseMs, hurry);
}

/** Takes no new connections, closes the idle ones, lets open answers run to their end for so long, then cuts them. */
export async function drainServer(server: Server, graceMs: number, hurry: AbortSignal): Promise<void> {
  const closing = new Promise<void>((resolve) => server.close(() => resolve()));
  const finished = new AbortController();
  void closing.then(() => finished.abort());
  // A connection whose answer is through may be used again for as long as it is kept: nobody shall.
  const idle = setInterval(() => server.closeIdleConnections(), lookMs);
  await rest(graceMs, AbortSignal.any([hurry, finished.signal]));
  clearInterval(idle);
  server.closeAllConnections();
  await closing;
}

/** So many milliseconds, fewer where the signal comes. */
export async function rest(ms: number, until: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal: until }).catch(() => undefined);
}
