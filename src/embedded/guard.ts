import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

const firstBackoffMs = 100;
const longestBackoffMs = 10_000;
/** Milliseconds that a process must have lived for its death to count as the first. */
const steadyMs = 30_000;

interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * Keeps one command running until told to end: `node main.js guard <command…>`. It alone holds the environment that the
 * command needs, so that the command comes back with it after a crash, and nobody else has to keep it. Resolves with
 * the exit code for this process.
 */
export async function runGuard(command: readonly string[]): Promise<number> {
  const [program, ...args] = command;
  if (program === undefined) throw new Error('guard needs a command');
  const stop = new AbortController();
  let child: ChildProcess | undefined;
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(name, () => {
      stop.abort();
      child?.kill(name);
    });
  }
  let backoffMs = firstBackoffMs;
  for (;;) {
    const started = performance.now();
    child = spawn(program, args, { stdio: 'inherit' });
    const end = await ended(child);
    if (stop.signal.aborted) return end.code ?? 0;
    if (performance.now() - started >= steadyMs) backoffMs = firstBackoffMs;
    process.stderr.write(
      `guard: ${end.signal ?? `exit code ${end.code}`} ended process ${child.pid}, next in ${backoffMs} ms\n`,
    );
    await sleep(backoffMs, undefined, { signal: stop.signal }).catch(() => undefined);
    if (stop.signal.aborted) return 0;
    backoffMs = Math.min(longestBackoffMs, backoffMs * 2);
  }
}

function ended(child: ChildProcess): Promise<End> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve({ code, signal }));
  });
}
