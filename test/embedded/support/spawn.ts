import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { hasCode } from '../../../src/embedded/files.ts';

/** Node and a stand-in for main.js, with only the roles that these tests need. */
export const program = [process.execPath, fileURLToPath(new URL('program.ts', import.meta.url))] as const;

/** Starts the stand-in in a role; it and what it started are dead when the test is over. */
export function startProgram(args: readonly string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
  const child = spawn(program[0], [program[1], ...args], { env, detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => {
    try {
      process.kill(-(child.pid ?? Number.NaN), 'SIGKILL');
    } catch (error) {
      if (!hasCode(error, 'ESRCH')) throw error;
    }
  });
  return child;
}

/** Its next line on stdout. */
export async function nextLine(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('its stdout is no pipe');
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return String(line);
}
