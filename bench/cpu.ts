import { readdir, readFile } from 'node:fs/promises';

/** Ticks a second of /proc's times; 100 on every Linux that matters. */
const ticks = 100;

/** Who the CPU time went to, in seconds so far. */
export type CpuTimes = Readonly<Record<'harborUp' | 'temporal' | 'interceptor' | 'engine', number>>;

/** The engine's own processes are counted with what they start and wait for: runc, ps. */
export async function cpuTimes(serverPid: number): Promise<CpuTimes> {
  const times = { harborUp: 0, temporal: 0, interceptor: 0, engine: 0 };
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const read = (file: string) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
    const command = (await read('cmdline')).replaceAll('\0', ' ');
    const part = partOf(Number(pid), serverPid, command);
    const fields = (await read('stat')).split(') ')[1]?.split(' ');
    if (!part || !fields) continue;
    const [user, system, waitedUser, waitedSystem] = fields.slice(11, 15).map(Number);
    const own = (user ?? 0) + (system ?? 0);
    times[part] += (part === 'engine' ? own + (waitedUser ?? 0) + (waitedSystem ?? 0) : own) / ticks;
  }
  return times;
}

function partOf(pid: number, serverPid: number, command: string): keyof CpuTimes | undefined {
  if (pid === serverPid) return 'harborUp';
  if (/temporal\S* server start-dev/.test(command)) return 'temporal';
  if (/main\.js stream/.test(command)) return 'interceptor';
  return /^\S*(dockerd|containerd)\b/.test(command) ? 'engine' : undefined;
}

/** CPU seconds of one process so far. */
export async function cpuSeconds(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / ticks;
}

/** Milliseconds per rollout of each part between two readings. */
export function cpuPerRollout(before: CpuTimes, after: CpuTimes, rollouts: number): Record<keyof CpuTimes, number> {
  const milliseconds = (part: keyof CpuTimes) => Math.round(((after[part] - before[part]) / rollouts) * 1000);
  return {
    harborUp: milliseconds('harborUp'),
    temporal: milliseconds('temporal'),
    interceptor: milliseconds('interceptor'),
    engine: milliseconds('engine'),
  };
}
