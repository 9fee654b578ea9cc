import { spawn } from 'node:child_process';
import { mkdir, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HarborError } from '../model/errors.ts';
import { childStateFile, forgetChildState, readChildState, recordedCommand } from './child-state.ts';
import { readIfThere } from './files.ts';
import type { Home } from './home.ts';
import { endSession } from './process-group.ts';
import { identifyProcess, isRunning, type ProcessIdentity } from './process-identity.ts';

/** A process that outlives us and that the next start takes over. */
export interface ChildSpec {
  /** Names its state file and its log. */
  readonly name: string;
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** What it was started with, in one word; compared by `accepts`. */
  readonly tag: string;
  /** Whether a running one that was started with `tag` may be kept. */
  readonly accepts: (tag: string) => boolean;
  /** Why one that was started with `tag` must not be replaced by this one; undefined where it may. */
  readonly objection?: (tag: string) => HarborError | undefined;
  /** One try; a rejection means no. */
  readonly isHealthy: (signal: AbortSignal) => Promise<boolean>;
}

export interface Child {
  readonly identity: ProcessIdentity;
  /** It ran before and was kept. */
  readonly adopted: boolean;
  readonly spec: ChildSpec;
}

/** Milliseconds for a running one to prove healthy before it is replaced. */
const adoptionMs = 10_000;
const startMs = 60_000;
const graceMs = 10_000;
const probeMs = 2_000;
const pollMs = 50;
/** A log this large is begun anew when the child is started. */
const logBytes = 16 * 1024 * 1024;

export function childLogFile(home: Pick<Home, 'files'>, name: string): string {
  return join(home.files.logs, `${name}.log`);
}

/**
 * The one healthy process of that name in this data folder: the running one if it is accepted and healthy, else a new
 * one. It runs in a session of its own, so that neither our end nor Ctrl-C reaches it. For whoever holds the folder's
 * lock. Throws `internal` with the end of its log where it does not come up.
 */
export async function ensureChild(home: Home, spec: ChildSpec, signal: AbortSignal): Promise<Child> {
  const running = await readChildState(childStateFile(home.files.run, spec.name));
  if (running) {
    if (isRunning(running.identity) && spec.accepts(running.tag)) {
      if (await becomesHealthy(running.identity, spec, adoptionMs, signal)) {
        return { identity: running.identity, adopted: true, spec };
      }
    }
    const objection = spec.objection?.(running.tag);
    if (objection) throw objection;
    await endSession(running.identity, graceMs);
  }
  return { identity: await start(home, spec, signal), adopted: false, spec };
}

/** Ends it and everything it started, whoever started it; nothing to do where it does not run. */
export async function stopChild(home: Home, name: string): Promise<void> {
  const stateFile = childStateFile(home.files.run, name);
  const running = await readChildState(stateFile);
  if (running) await endSession(running.identity, graceMs);
  await forgetChildState(stateFile);
}

export async function probe(spec: Pick<ChildSpec, 'isHealthy'>, signal: AbortSignal): Promise<boolean> {
  try {
    return await spec.isHealthy(AbortSignal.any([signal, AbortSignal.timeout(probeMs)]));
  } catch {
    // Whatever it was, the child did not say that it is well.
    return false;
  }
}

async function start(home: Home, spec: ChildSpec, signal: AbortSignal): Promise<ProcessIdentity> {
  signal.throwIfAborted();
  await mkdir(home.files.logs, { recursive: true, mode: 0o700 });
  const stateFile = childStateFile(home.files.run, spec.name);
  const [command, args] = recordedCommand(stateFile, spec.tag, spec.command);
  const logFile = childLogFile(home, spec.name);
  const log = await openLog(logFile);
  const logStart = (await log.stat()).size;
  let identity: ProcessIdentity | undefined;
  try {
    const child = spawn(command, args, {
      cwd: home.path,
      env: spec.env,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    child.unref();
    identity = child.pid === undefined ? undefined : identifyProcess(child.pid);
  } finally {
    await log.close();
  }
  if (identity && (await becomesHealthy(identity, spec, startMs, signal))) return identity;
  const died = !identity || !isRunning(identity);
  if (identity) await endSession(identity, graceMs);
  signal.throwIfAborted();
  const said = await logSince(logFile, logStart);
  throw new HarborError(
    'internal',
    `${spec.name} ${died ? 'ended at its start' : `is not ready after ${startMs / 1000} s`}${said && `:\n${said}`}`,
    { remedy: `Its whole log is ${logFile}.` },
  );
}

async function becomesHealthy(
  identity: ProcessIdentity,
  spec: ChildSpec,
  patienceMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const deadline = performance.now() + patienceMs;
  while (isRunning(identity) && performance.now() < deadline && !signal.aborted) {
    if (await probe(spec, signal)) return true;
    await sleep(pollMs);
  }
  return false;
}

async function openLog(path: string): Promise<Awaited<ReturnType<typeof open>>> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size > logBytes) await (await open(path, 'w')).close();
  return open(path, 'a', 0o600);
}

/** The last lines written since, for an error. */
async function logSince(path: string, offset: number): Promise<string> {
  const text = Buffer.from((await readIfThere(path)) ?? '')
    .subarray(offset)
    .toString('utf8');
  return text.trimEnd().split('\n').slice(-10).join('\n').slice(-4000);
}
