import { randomUUID } from 'node:crypto';
import { link, readdir, readFile, truncate, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { HarborError } from '../model/errors.ts';
import { tryParseJson } from '../model/json.ts';
import { hasCode } from './files.ts';
import { isRunning, ownIdentity, type ProcessIdentity } from './process-identity.ts';

export interface LockOptions {
  /** What it protects, as the subject of a sentence: `the data folder /x`. */
  readonly what: string;
  /** What somebody can do who finds it held. */
  readonly remedy: string;
  /** Milliseconds to wait for a living holder before giving up. */
  readonly patienceMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Told once, when there is somebody to wait for. */
  readonly onWait?: (holder: ProcessIdentity) => void;
}

export interface Lock {
  /** Idempotent. */
  release(): Promise<void>;
}

interface Claim {
  readonly number: number;
  readonly holder: ProcessIdentity | undefined;
}

const holderSchema = z.object({ pid: z.int(), start: z.string() });
const pollMs = 100;

/**
 * An exclusive lock between processes of one machine. It dies with its holder.
 *
 * Claims are files `<path>.<number>` that are made complete or not at all (by link), and the highest number holds. A
 * dead or released claim is never taken away to be replaced: a new holder makes the next number, and only then removes
 * the lower ones. So two who find the same dead claim cannot both succeed, and one who was slow sees that it lost.
 */
export async function acquireLock(path: string, options: LockOptions): Promise<Lock> {
  const deadline = performance.now() + options.patienceMs;
  let waiting = false;
  for (;;) {
    options.signal?.throwIfAborted();
    const newest = await newestClaim(path);
    if (!newest?.holder || !isRunning(newest.holder)) {
      const file = await claim(path, (newest?.number ?? 0) + 1);
      if (file) return held(file);
      continue;
    }
    if (performance.now() >= deadline) {
      throw new HarborError('invalid_request', `${options.what} is in use by process ${newest.holder.pid}`, {
        remedy: options.remedy,
      });
    }
    if (!waiting) options.onWait?.(newest.holder);
    waiting = true;
    await sleep(pollMs, undefined, { signal: options.signal });
  }
}

/** A released claim stays, as an empty file: its number must not be given away again. */
function held(file: string): Lock {
  let released: Promise<void> | undefined;
  return { release: () => (released ??= truncate(file)) };
}

/** Who holds the lock now, for reports. */
export async function lockHolder(path: string): Promise<ProcessIdentity | undefined> {
  const holder = (await newestClaim(path))?.holder;
  return holder && isRunning(holder) ? holder : undefined;
}

/** The claim's file, or undefined where another process was faster. */
async function claim(path: string, number: number): Promise<string | undefined> {
  const file = `${path}.${number}`;
  const draft = `${path}.draft-${randomUUID()}`;
  await writeFile(draft, JSON.stringify(ownIdentity()), { mode: 0o600 });
  try {
    await link(draft, file);
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return undefined;
    throw error;
  } finally {
    await unlink(draft);
  }
  const numbers = await claimNumbers(path);
  if (numbers.some((other) => other > number)) {
    await remove(file);
    return undefined;
  }
  for (const lower of numbers.filter((other) => other < number)) await remove(`${path}.${lower}`);
  return file;
}

async function newestClaim(path: string): Promise<Claim | undefined> {
  for (;;) {
    const number = Math.max(0, ...(await claimNumbers(path)));
    if (number === 0) return undefined;
    try {
      return { number, holder: tryParseJson(await readFile(`${path}.${number}`, 'utf8'), holderSchema) };
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
    }
  }
}

async function claimNumbers(path: string): Promise<number[]> {
  const prefix = `${basename(path)}.`;
  const names = await readdir(dirname(path));
  return names
    .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)));
}

async function remove(file: string): Promise<void> {
  try {
    await unlink(file);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}
