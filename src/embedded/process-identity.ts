import { readdirSync, readFileSync } from 'node:fs';

/**
 * A process for sure: its id, and when it started, since ids are used again. `start` is the boot's id and field 22 of
 * /proc/<pid>/stat (clock ticks since boot), so that it holds across reboots too.
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly start: string;
}

interface Stat {
  readonly pid: number;
  readonly state: string;
  readonly group: number;
  readonly session: number;
  readonly startTicks: number;
}

/** Undefined where no such process runs; a zombie runs no more. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid);
  return stat && stat.state !== 'Z' ? identity(stat) : undefined;
}

export function ownIdentity(): ProcessIdentity {
  const own = identifyProcess(process.pid);
  if (!own) throw new Error('/proc is not mounted: Harbor tells processes apart by it');
  return own;
}

export function isRunning(wanted: ProcessIdentity): boolean {
  return identifyProcess(wanted.pid)?.start === wanted.start;
}

/** The identity in a line that was read from /proc/<pid>/stat, on the boot of that id. */
export function identityOfStat(line: string, boot: string): ProcessIdentity | undefined {
  const stat = parseStat(line);
  return stat && identity(stat, boot);
}

/**
 * What is left of the session that `leader` founded, the leader with it. A process id is not given away while a session
 * bears it, so these are its own children, unless the session died out and a namesake came and went.
 */
export function membersOfSession(leader: ProcessIdentity): number[] {
  const now = readStat(leader.pid);
  if (now && identity(now).start !== leader.start) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readStat(Number(name)))
    .filter((stat) => stat?.session === leader.pid && stat.group === leader.pid && stat.state !== 'Z')
    .flatMap((stat) => (stat ? [stat.pid] : []));
}

function identity(stat: Stat, boot = bootId()): ProcessIdentity {
  return { pid: stat.pid, start: `${boot}/${stat.startTicks}` };
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function readStat(pid: number): Stat | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    // Gone: ENOENT, or ESRCH when it ended between open and read.
    return undefined;
  }
}

/** The second field, a name in brackets, may itself hold blanks and brackets. */
function parseStat(line: string): Stat | undefined {
  const match = /^(\d+) \(.*\) (\S) \d+ (\d+) (\d+) (.*)$/s.exec(line.trim());
  const startTicks = match?.[5]?.split(' ')[15];
  if (!match || startTicks === undefined) return undefined;
  return {
    pid: Number(match[1]),
    state: match[2] ?? '',
    group: Number(match[3]),
    session: Number(match[4]),
    startTicks: Number(startTicks),
  };
}
