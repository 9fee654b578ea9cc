import { setTimeout as sleep } from 'node:timers/promises';
import { type RoleProcess, startRole } from '../support/roles.ts';

/** One process of Harbor, started again whenever it ended, as a supervisor does that an operator has. */
export class Part {
  readonly name: string;
  readonly #start: () => Promise<RoleProcess>;
  #process: RoleProcess | undefined;
  /** What those said that are gone. */
  #errors = '';

  constructor(name: string, role: string, home: string, settings: Readonly<Record<string, string>>) {
    this.name = name;
    this.#start = () => startRole(role, home, settings);
  }

  /** Tries until it serves: what it needs may be away just now. */
  async start(): Promise<void> {
    for (;;) {
      try {
        this.#process = await this.#start();
        return;
      } catch (error) {
        this.#errors += `${String(error)}\n`;
        await sleep(500);
      }
    }
  }

  /** Ends it and starts the next one. */
  async restart(signal: NodeJS.Signals): Promise<void> {
    await this.end(signal);
    await this.start();
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    await this.#process?.end(signal);
    this.#errors += this.#process?.said() ?? '';
    this.#process = undefined;
  }

  /** Stops it where it is for so long, its sockets open, and lets it go on. */
  async freeze(ms: number): Promise<void> {
    const frozen = this.#process;
    frozen?.kill('SIGSTOP');
    await sleep(ms);
    frozen?.kill('SIGCONT');
  }

  get url(): string {
    return this.#process?.url ?? '';
  }

  errors(): string {
    return this.#errors + (this.#process?.said() ?? '');
  }
}
