import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { HarborError } from '../model/errors.ts';

export interface CommandOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly signal: AbortSignal;
  /** Every line of stderr, and of stdout too. */
  readonly onLine?: (line: string) => void;
}

/** Lines of output that an error quotes. */
const quotedLines = 8;

/** Runs a command to its end; resolves with its stdout. Any other end is an `internal` error that quotes its last lines. */
export async function runCommand(command: string, args: readonly string[], options: CommandOptions): Promise<string> {
  const shown = [command, ...args].join(' ');
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env,
    signal: options.signal,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const last: string[] = [];
  const stdout: string[] = [];
  for (const [stream, kept] of [
    [child.stdout, stdout],
    [child.stderr, undefined],
  ] as const) {
    createInterface({ input: stream }).on('line', (line) => {
      kept?.push(line);
      last.push(line);
      if (last.length > quotedLines) last.shift();
      options.onLine?.(line);
    });
  }
  const ended = await new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.on('error', (error) => {
      const failure = new HarborError('internal', `cannot run \`${shown}\``, { cause: error });
      reject(options.signal.aborted ? options.signal.reason : failure);
    });
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  if (ended.code === 0) return stdout.join('\n');
  const how = ended.signal ? `was ended by ${ended.signal}` : `ended with exit code ${ended.code}`;
  throw new HarborError('internal', `\`${shown}\` ${how}:\n${last.join('\n')}`);
}

/** The full path of a program that PATH names. */
export function findProgram(name: string, env: NodeJS.ProcessEnv): string | undefined {
  return (env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isProgram);
}

/** An executable file. */
export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
