import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { HarborError } from '../model/errors.ts';
import { parseJson, tryParseJson } from '../model/json.ts';
import { createFile, readIfThere, replaceFile } from './files.ts';
import { acquireLock, type Lock, lockHolder } from './lock.ts';
import type { ProcessIdentity } from './process-identity.ts';

const installationSchema = z.object({
  /** Marks everything that this installation makes at a provider. */
  id: z.uuid(),
  /** 32 bytes in hex: signs the tokens of attempts. */
  secret: z.string().regex(/^[0-9a-f]{64}$/),
});
export type Installation = z.infer<typeof installationSchema>;

const serverSchema = z.object({
  pid: z.int(),
  url: z.string(),
  temporalUi: z.string().nullable(),
  temporalAddress: z.string(),
  apiKeyFile: z.string(),
  startedAt: z.string(),
});
/** Where the running `harbor up` of a data folder is reached; the CLI finds the server by it. */
export type ServerInfo = z.infer<typeof serverSchema>;

/** The data folder. */
export interface Home {
  readonly path: string;
  readonly installation: Installation;
  readonly files: HomeFiles;
}

interface HomeFiles {
  readonly installation: string;
  readonly ports: string;
  readonly apiKey: string;
  readonly server: string;
  readonly lock: string;
  readonly temporalDatabase: string;
  /** What runs: a state file per child process. */
  readonly run: string;
  readonly logs: string;
  /** The interceptor's own folder. */
  readonly interceptor: string;
}

/** `HARBOR_HOME`, else `~/.harbor`. */
export function homePath(env: NodeJS.ProcessEnv): string {
  return resolve(env['HARBOR_HOME'] || join(homedir(), '.harbor'));
}

export function homeFiles(path: string): HomeFiles {
  return {
    installation: join(path, 'installation.json'),
    ports: join(path, 'ports.json'),
    apiKey: join(path, 'api-key'),
    server: join(path, 'server.json'),
    lock: join(path, 'run', 'lock'),
    temporalDatabase: join(path, 'temporal.db'),
    run: join(path, 'run'),
    logs: join(path, 'logs'),
    interceptor: join(path, 'interceptor'),
  };
}

/** Makes the data folder where it is missing, for its owner's eyes only, and reads who we are, unless that is `given`. */
export async function openHome(path: string, given?: Installation): Promise<Home> {
  const files = homeFiles(path);
  try {
    for (const folder of [path, files.run, files.logs, files.interceptor]) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
    }
    if (given) await replaceFile(files.installation, `${JSON.stringify(given)}\n`);
    const fresh: Installation = { id: randomUUID(), secret: randomBytes(32).toString('hex') };
    if ((await readIfThere(files.installation)) === undefined) {
      await createFile(files.installation, `${JSON.stringify(fresh)}\n`);
    }
    return { path, files, installation: await readInstallation(files.installation) };
  } catch (error) {
    if (HarborError.isInstance(error)) throw error;
    throw new HarborError('invalid_request', `the data folder ${path} cannot be used`, {
      cause: error,
      remedy: 'Set HARBOR_HOME to a folder that you may write to.',
    });
  }
}

/** The content of installation.json; also for a process that gets only the file's path. */
export async function readInstallation(file: string): Promise<Installation> {
  return parseJson((await readIfThere(file)) ?? '', installationSchema, file);
}

/** One `harbor up` at a time: two on one folder lose data. A predecessor that is just ending is waited for. */
export function lockHome(path: string, signal?: AbortSignal): Promise<Lock> {
  return acquireLock(homeFiles(path).lock, {
    what: `the data folder ${path}`,
    remedy: 'Another `harbor up` runs on it: use that one, end it, or set HARBOR_HOME to another folder.',
    patienceMs: 5_000,
    signal,
  });
}

export async function homeHolder(path: string): Promise<ProcessIdentity | undefined> {
  return (await readIfThere(homeFiles(path).installation)) === undefined ? undefined : lockHolder(homeFiles(path).lock);
}

/**
 * The first API key: `given` (HARBOR_API_KEY) wins and is kept in its file, else the one kept before, else a new one.
 */
export async function ensureApiKey(home: Home, given: string | undefined): Promise<string> {
  const kept = (await readIfThere(home.files.apiKey))?.trim();
  if (kept && (!given || given === kept)) return kept;
  const key = given || `harbor_${randomBytes(24).toString('base64url')}`;
  await replaceFile(home.files.apiKey, `${key}\n`);
  return key;
}

export function writeServerInfo(home: Home, info: ServerInfo): Promise<void> {
  return replaceFile(home.files.server, `${JSON.stringify(info)}\n`);
}

/** What the last `harbor up` on this folder wrote; it may be dead meanwhile. */
export async function readServerInfo(path: string): Promise<ServerInfo | undefined> {
  const text = await readIfThere(homeFiles(path).server);
  return text === undefined ? undefined : tryParseJson(text, serverSchema);
}

export function removeServerInfo(home: Home): Promise<void> {
  return rm(home.files.server, { force: true });
}
