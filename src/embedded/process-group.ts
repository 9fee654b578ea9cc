import { setTimeout as sleep } from 'node:timers/promises';
import { HarborError } from '../model/errors.ts';
import { hasCode } from './files.ts';
import { membersOfSession, type ProcessIdentity } from './process-identity.ts';

const pollMs = 50;
/** Milliseconds in which the kernel must have removed what got SIGKILL. */
const killMs = 10_000;

/**
 * Ends a process and everything in the session that it founded: SIGTERM, `graceMs` to end by itself, SIGKILL. Returns
 * when nothing of it is left; also where the founder itself died before.
 */
export async function endSession(leader: ProcessIdentity, graceMs: number): Promise<void> {
  for (const [signal, patienceMs] of [
    ['SIGTERM', graceMs],
    ['SIGKILL', killMs],
  ] as const) {
    if (membersOfSession(leader).length === 0) return;
    signalGroup(leader.pid, signal);
    const deadline = performance.now() + patienceMs;
    while (performance.now() < deadline) {
      if (membersOfSession(leader).length === 0) return;
      await sleep(pollMs);
    }
  }
  throw new HarborError('internal', `process ${leader.pid} or its children cannot be ended`, {
    remedy: 'They hang in the kernel, on a broken disk or network file system for one: see `ps -o stat,wchan`.',
  });
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error;
  }
}
