import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

export interface Execution {
  /** null: a signal ended it. */
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Runs a program of this machine to its end, whatever that is. Rejects only where it cannot be started. */
export async function execute(program: string, args: readonly string[], input = ''): Promise<Execution> {
  const child = spawn(program, args, { stdio: 'pipe' });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  // A program that ends before it has read everything says why by its exit code.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [code, output, errors] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { code, output, errors };
}
