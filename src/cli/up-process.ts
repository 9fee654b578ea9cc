import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { HarborError } from '../model/errors.ts';

/** A `harbor up` that this process started. */
export interface UpProcess {
  /** Resolves when it serves; rejects when it ended before that. */
  readonly ready: Promise<void>;
  /** How it ended, once it has: `exit code 1`, `SIGKILL`. */
  readonly ended: Promise<string>;
  /** Ends it, with all that it started, and returns when it has ended. */
  stop(): Promise<void>;
}

export interface UpProcessOptions {
  readonly env: NodeJS.ProcessEnv;
  /** The program that is called with `up`. */
  readonly program: string;
  /** Told what it says while it starts. */
  readonly tell: (line: string) => void;
}

/** Seconds that it has to put its sandboxes to rest and end its children. */
const stopSeconds = 60;

/** In a session of its own: Ctrl-C in the terminal is for us alone, who still need it to cancel what runs. */
export function startUp({ env, program, tell }: UpProcessOptions): UpProcess {
  const child = spawn(program, ['up'], { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let serves = false;
  let logged: string | undefined;

  // What is JSON is its log; the rest is its progress, for people.
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (line.startsWith('{')) logged = line;
    else if (!serves) tell(line);
  });

  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(`it cannot be run: ${error.message}`));
    child.on('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  const firstLine = once(createInterface({ input: child.stdout }), 'line');
  const serving = async (): Promise<void> => {
    const how = await Promise.race([firstLine.then(() => undefined), ended]);
    if (how !== undefined) throw neverServed(how, logged);
    serves = true;
  };

  return {
    ready: serving(),
    ended,
    async stop() {
      child.kill('SIGTERM');
      const giveUp = new AbortController();
      const late = sleep(stopSeconds * 1000, true, { signal: giveUp.signal }).catch(() => false);
      if ((await Promise.race([ended, late])) === true) child.kill('SIGKILL');
      giveUp.abort();
      await ended;
    },
  };
}

function neverServed(how: string, logged: string | undefined): HarborError {
  return new HarborError('internal', `\`harbor up\` ended before it served (${how})`, {
    remedy: logged === undefined ? 'What it said stands above.' : `Its log ends with: ${logged}`,
  });
}
