import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { HarborError } from '../model/errors.ts';

/** Where binaries are kept that any checkout may use: `HARBOR_CACHE`, else the user's cache folder. */
export function cachePath(env: NodeJS.ProcessEnv): string {
  const base = env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return resolve(env['HARBOR_CACHE'] || join(base, 'harbor'));
}

/** The cache's folder, made. */
export async function openCache(env: NodeJS.ProcessEnv): Promise<string> {
  const path = cachePath(env);
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw new HarborError('invalid_request', `the cache folder ${path} cannot be made`, {
      cause: error,
      remedy: 'Set HARBOR_CACHE to a folder that you may write to.',
    });
  }
  return path;
}
