import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { parseJson } from '../../src/model/json.ts';
import { environment, harborProgram } from './server.ts';

export interface RoleProcess {
  readonly url: string;
  readonly pid: number;
  /** Where it is scraped. */
  readonly metrics: string;
  /** Sends a signal to the process alone. */
  kill(signal: NodeJS.Signals): void;
  /** Sends a signal to the process alone and waits for its end. */
  end(signal: NodeJS.Signals): Promise<void>;
  /** Its exit code, once it has ended; null where a signal ended it. */
  readonly ended: Promise<number | null>;
  /** All that it has logged. */
  said(): string;
}

const readySchema = z.object({ url: z.string(), metrics: z.string() });

/**
 * A real `harbor api`, `worker` or `interceptor`, started by the words of `within` before its own. Rejects with what it said
 * where it does not come to serve.
 */
export async function startRole(
  role: string,
  home: string,
  more: Readonly<Record<string, string>>,
  within: readonly string[] = [],
): Promise<RoleProcess> {
  const [program, ...args] = [...within, harborProgram, role];
  const child: ChildProcess = spawn(program, args, {
    env: environment(home, more),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  if (!child.stdout) throw new Error('no stdout');
  const line = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line').then(String),
    exited.then(([code]) => {
      throw new Error(`harbor ${role} ended with ${String(code)}:\n${said}`);
    }),
  ]);
  return {
    ...parseJson(line, readySchema),
    ended: exited.then(([code]) => (typeof code === 'number' ? code : null)),
    said: () => said,
    kill: (signal) => void child.kill(signal),
    pid: child.pid ?? 0,
    async end(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill(signal);
      // One that was stopped hears of it only when it goes on.
      child.kill('SIGCONT');
      await exited;
    },
  };
}
