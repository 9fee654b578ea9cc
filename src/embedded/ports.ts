import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { HarborError } from '../model/errors.ts';
import { tryParseJson } from '../model/json.ts';
import { childStateFile, readChildState } from './child-state.ts';
import { readIfThere, replaceFile } from './files.ts';
import { type Home, homeFiles } from './home.ts';
import { acquireLock, lockHolder } from './lock.ts';
import { membersOfSession, ownIdentity } from './process-identity.ts';

const portsSchema = z.record(z.string(), z.int().min(1).max(65_535));

/** How far above the preferred port one is looked for. */
const searchWidth = 500;
/** Milliseconds in which a predecessor may still be leaving its port. */
const leavingMs = 3_000;

/** The port `name` of a child process: the kept one as long as anything of that child still runs, since it listens there. */
export async function childPort(home: Home, child: string, name: string, preferred: number): Promise<number> {
  const kept = (await readPorts(home.path))[name];
  const running = await readChildState(childStateFile(home.files.run, child));
  if (kept !== undefined && running && membersOfSession(running.identity).length > 0) return kept;
  return choosePort(home, name, preferred);
}

/**
 * A free TCP port for `name`: the one it had before, since sandboxes in flight know it, else the first free one from
 * `preferred` on; kept in the data folder. For whoever holds the folder's lock and is about to listen.
 */
export async function choosePort(home: Home, name: string, preferred: number): Promise<number> {
  const ports = await readPorts(home.path);
  const kept = ports[name];
  if (kept !== undefined && (await becomesFree(kept)) && (await claimPort(kept))) return kept;
  const others = new Set(Object.entries(ports).flatMap(([key, port]) => (key === name ? [] : [port])));
  for (let port = preferred; port < preferred + searchWidth; port += 1) {
    if (others.has(port) || !(await isFree(port)) || !(await claimPort(port))) continue;
    await replaceFile(home.files.ports, `${JSON.stringify({ ...ports, [name]: port })}\n`);
    return port;
  }
  throw new HarborError('internal', `no free port for ${name} from ${preferred} to ${preferred + searchWidth - 1}`, {
    remedy: 'End what holds these ports; `ss -ltnp` lists it.',
  });
}

/** Whether nobody listens on it, on any address. */
export async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen({ port, host: '0.0.0.0', exclusive: true });
  try {
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

/**
 * Keeps other data folders of this machine from choosing the same port before somebody listens on it: the claim is this
 * process's for as long as it lives. False: another living process has it.
 */
async function claimPort(port: number): Promise<boolean> {
  // The number alone: in a container it may be that of nobody who has a name.
  const folder = join(tmpdir(), `harbor-ports-${process.getuid?.() ?? 'own'}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, String(port));
  const holder = await lockHolder(path);
  if (holder) return holder.start === ownIdentity().start && holder.pid === process.pid;
  try {
    await acquireLock(path, { what: `port ${port}`, remedy: 'Choose another one.', patienceMs: 0 });
    return true;
  } catch (error) {
    if (HarborError.isInstance(error)) return false;
    throw error;
  }
}

async function becomesFree(port: number): Promise<boolean> {
  const deadline = performance.now() + leavingMs;
  while (!(await isFree(port))) {
    if (performance.now() >= deadline) return false;
    await sleep(100);
  }
  return true;
}

/** The ports kept in the data folder at `path`, by name. */
export async function readPorts(path: string): Promise<Record<string, number>> {
  const text = await readIfThere(homeFiles(path).ports);
  return (text === undefined ? undefined : tryParseJson(text, portsSchema)) ?? {};
}
