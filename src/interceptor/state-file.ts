import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, replaceFile } from '../embedded/files.ts';
import { tryParseJson } from '../model/json.ts';

const stateSchema = z.object({
  pid: z.int(),
  /** When that process started, as process-identity.ts tells it. */
  startTime: z.string(),
  publicPort: z.int(),
  adminPort: z.int(),
  mode: z.enum(['scripted', 'live']),
  /** The first journal of this process. */
  journal: z.string(),
  startedAt: z.string(),
});
/** What a running interceptor says of itself in `state.json`. It is there from the moment it serves until it stops. */
export type InterceptorState = z.infer<typeof stateSchema>;

const statePath = (directory: string): string => join(directory, 'state.json');

/** Undefined where none has run there, or none has stopped since by itself: one that was killed leaves its file behind. */
export async function readState(directory: string): Promise<InterceptorState | undefined> {
  return tryParseJson((await readIfThere(statePath(directory))) ?? '', stateSchema);
}

export async function writeState(directory: string, state: InterceptorState): Promise<void> {
  await replaceFile(statePath(directory), `${JSON.stringify(state)}\n`);
}

export async function removeState(directory: string): Promise<void> {
  await rm(statePath(directory), { force: true });
}
