import type { ContainerInspectInfo } from 'dockerode';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { HarborError } from '../../model/errors.ts';
import { FollowDecoder, wrapCommand } from '../command-wrapper.ts';
import type { CommandEnd, RunRequest } from '../provider.ts';
import { inspectBox } from './boxes.ts';
import type { DiskWatch } from './disk.ts';
import { attempt, reasonOf, statusOf, type Engine } from './engine.ts';
import { readStdout } from './multiplex.ts';
import { endProcesses } from './quiesce.ts';

/** Milliseconds between tries: the first pause, doubled up to the second. */
const [firstPause, longestPause] = [100, 5_000];
/**
 * Attachments in a row that may bring nothing before it is given up: of a command that was followed before (half a minute;
 * its sandbox may be out of memory or processes for a while), and of one that never was.
 */
const [fruitlessLimit, refusedLimit] = [10, 2];

/** Starts the command unless it was started, and follows it to its end, over as many connections as that takes. */
export async function runInBox(
  engine: Engine,
  disk: DiskWatch,
  name: string,
  request: RunRequest,
): Promise<CommandEnd> {
  const excess = new AbortController();
  const unwatch = disk.watch(name, (error) => excess.abort(error));
  try {
    return await follow(engine, name, { ...request, signal: AbortSignal.any([request.signal, excess.signal]) });
  } catch (error) {
    if (error === excess.signal.reason) await endProcesses(engine, name);
    throw error;
  } finally {
    unwatch();
  }
}

async function follow(engine: Engine, name: string, request: RunRequest): Promise<CommandEnd> {
  const { signal, onOutput } = request;
  let reached = request.offset;
  let fruitless = 0;
  let greeted = false;
  for (;;) {
    const before = reached;
    const attachment = await attach(engine, name, { ...request, offset: reached }, async (output) => {
      await onOutput(output);
      reached += output.length;
    });
    if (attachment.end) return attachment.end;
    signal.throwIfAborted();
    if (attachment.refusal !== undefined) throw givenUp(name, attachment.refusal);
    const hadToWait = await untilRunning(engine, name, signal);
    fruitless = reached > before || hadToWait ? 0 : fruitless + 1;
    greeted ||= attachment.greeted;
    const limit = greeted || attachment.trouble === '' ? fruitlessLimit : refusedLimit;
    if (fruitless >= limit) throw givenUp(name, attachment.trouble);
    await pause(Math.min(longestPause, firstPause * 2 ** fruitless), signal);
  }
}

/** Throws the signal's own reason, which tells an excess on the disk from a caller's abort. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => undefined);
  signal.throwIfAborted();
}

function givenUp(name: string, trouble: string): HarborError {
  const said = trouble === '' ? 'the connection ends each time' : trouble;
  const memory = /OOM-killed|cannot allocate memory/i.test(trouble);
  return new HarborError(
    memory ? 'out_of_memory' : 'sandbox_failed',
    `could not run a command in the sandbox ${name}: ${said}`,
  );
}

interface Attachment {
  /** undefined: the connection ended before the command did. */
  readonly end?: CommandEnd;
  /** The wrapper itself has spoken. */
  readonly greeted: boolean;
  /** What it cannot do here. */
  readonly refusal?: string | undefined;
  /** What the engine or the shell said that was no part of the protocol. */
  readonly trouble: string;
}

/** One connection: execs the wrapper and hands on what it prints. What `onOutput` throws comes through. */
async function attach(
  engine: Engine,
  name: string,
  request: RunRequest,
  onOutput: (output: Buffer) => Promise<void>,
): Promise<Attachment> {
  const { signal } = request;
  const connection = await patiently(name, signal, () => connect(engine, name, request));
  if (typeof connection === 'string') return { greeted: false, trouble: connection };
  const close = (): void => void connection.destroy();
  signal.addEventListener('abort', close, { once: true });
  if (signal.aborted) close();
  const decoder = new FollowDecoder();
  const errors: Buffer[] = [];
  try {
    for await (const piece of readStdout(connection, (text) => errors.push(text))) {
      for (const item of decoder.read(piece)) {
        if (!Buffer.isBuffer(item)) return { end: item, greeted: true, trouble: '' };
        await onOutput(item);
      }
    }
  } finally {
    signal.removeEventListener('abort', close);
  }
  const trouble = `${decoder.foreign} ${Buffer.concat(errors).toString().trim()}`.trim();
  return { greeted: decoder.greeted, refusal: decoder.refusal, trouble };
}

/** Or why the engine refuses it: what state the box is in is looked up then. stdin stays open: see {@link wrapCommand}. */
async function connect(engine: Engine, name: string, request: RunRequest): Promise<Duplex | string> {
  const { id, argv, stdin, offset, env, user, cwd, signal } = request;
  try {
    const exec = await engine.docker.getContainer(name).exec({
      Cmd: wrapCommand({ id, argv, stdin, offset }),
      Env: Object.entries(env).map(([key, value]) => `${key}=${value}`),
      ...(user === undefined ? {} : { User: user }),
      ...(cwd === undefined ? {} : { WorkingDir: cwd }),
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      abortSignal: signal,
    });
    return await exec.start({ hijack: true, stdin: true, abortSignal: signal });
  } catch (error) {
    if (statusOf(error) === undefined) throw error;
    return reasonOf(error);
  }
}

/** Returns once the box runs, and whether that took time: it waits while it is paused. Throws what became of a dead one. */
async function untilRunning(engine: Engine, name: string, signal: AbortSignal): Promise<boolean> {
  for (let [stopped, waited] = [false, false]; ; waited = true) {
    const box = await patiently(name, signal, () => inspectBox(engine, name));
    if (!box) throw new HarborError('sandbox_lost', `the sandbox ${name} is gone`);
    if (box.State.Running && !box.State.Paused) return waited;
    // Somebody may be starting it anew just now.
    if (!box.State.Running && stopped) throw obituary(name, box);
    stopped = !box.State.Running;
    await pause(1_000, signal);
  }
}

function obituary(name: string, { State: state, HostConfig: host }: ContainerInspectInfo): HarborError {
  if (state.OOMKilled) {
    const limit = Math.round((host.Memory ?? 0) / 2 ** 20);
    return new HarborError('out_of_memory', `the sandbox ${name} was ended: it needed more than its ${limit} MiB`);
  }
  // What the engine's init answers where it finds no shell to start.
  if (state.ExitCode === 127) return new HarborError('sandbox_failed', `the image of ${name} has no /bin/sh`);
  return new HarborError(
    'sandbox_lost',
    `the sandbox ${name} stopped by itself: exit code ${state.ExitCode}, not out of memory as far as the engine knows`,
  );
}

/**
 * Repeats a call for as long as the engine is away: it is updated, it restarts. What runs in the sandbox goes on meanwhile,
 * and the caller's signal says when its time is up.
 */
async function patiently<T>(name: string, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  for (let wait = firstPause; ; wait = Math.min(longestPause, 2 * wait)) {
    try {
      return await attempt('reach', name, call, signal);
    } catch (error) {
      if (!HarborError.isInstance(error) || !error.outage) throw error;
      await pause(wait, signal);
    }
  }
}
