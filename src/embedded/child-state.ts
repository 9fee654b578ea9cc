import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { tryParseJson } from '../model/json.ts';
import { hasCode, readIfThere } from './files.ts';
import { identityOfStat, isRunning, type ProcessIdentity } from './process-identity.ts';

const stateSchema = z.object({ boot: z.string(), stat: z.string(), tag: z.string() });

/** What was started under a name, and with which tag. */
export interface ChildState {
  readonly identity: ProcessIdentity;
  readonly tag: string;
}

export function childStateFile(runFolder: string, name: string): string {
  return join(runFolder, `${name}.json`);
}

/**
 * A command line that first writes the state file and then becomes `command`, as the same process: a parent that dies
 * between starting a child and noting it down leaves no child that nobody knows.
 */
export function recordedCommand(stateFile: string, tag: string, command: readonly string[]): [string, string[]] {
  const script = [
    'read -r boot </proc/sys/kernel/random/boot_id',
    'read -r stat </proc/self/stat',
    `printf '{"boot":"%s","stat":"%s","tag":"%s"}\\n' "$boot" "$stat" "$2" >"$1.new"`,
    'mv "$1.new" "$1"',
    'shift 2',
    'exec "$@"',
  ].join(' && ');
  return ['/bin/sh', ['-c', script, 'sh', stateFile, tag, ...command]];
}

export async function readChildState(stateFile: string): Promise<ChildState | undefined> {
  const text = await readIfThere(stateFile);
  const state = text === undefined ? undefined : tryParseJson(text, stateSchema);
  const identity = state && identityOfStat(state.stat, state.boot);
  return state && identity && { identity, tag: state.tag };
}

export function forgetChildState(stateFile: string): Promise<void> {
  return rm(stateFile, { force: true });
}

/** Names and states of the children of a data folder that run now, whoever started them. */
export async function runningChildren(runFolder: string): Promise<Map<string, ChildState>> {
  const running = new Map<string, ChildState>();
  for (const file of await listFolder(runFolder)) {
    if (!file.endsWith('.json')) continue;
    const state = await readChildState(join(runFolder, file));
    if (state && isRunning(state.identity)) running.set(basename(file, '.json'), state);
  }
  return running;
}

async function listFolder(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}
