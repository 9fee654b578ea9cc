import type { OutputReader } from '../agents/agent.ts';
import type { OutputStream } from '../model/event.ts';
import { agentLogId, testsLogId } from '../model/ids.ts';
import type { AttemptRef } from '../model/stages.ts';
import type { Store } from '../store/store.ts';
import { LogWriter } from './log-writer.ts';
import { OutputTeller } from './output-teller.ts';

/** The output of an agent, or of its tests, on its way into the store: byte for byte as a log, and told as events. */
export class AttemptOutput {
  readonly #log: LogWriter;
  readonly #teller: OutputTeller;

  private constructor(log: LogWriter, teller: OutputTeller) {
    this.#log = log;
    this.#teller = teller;
  }

  /** Goes on where the store ends. `read`: of the agent's own format, where it has one. */
  static async continue(
    { logs, events }: Store,
    { rolloutId, attempt }: AttemptRef,
    stream: OutputStream,
    read?: OutputReader,
  ): Promise<AttemptOutput> {
    const logId = (stream === 'agent' ? agentLogId : testsLogId)(rolloutId, attempt);
    const log = await LogWriter.continue(logs, logId);
    const options = { events, rolloutId, attempt, stream, read };
    return new AttemptOutput(log, await OutputTeller.continue(options, logs, logId, log.length));
  }

  /** Bytes taken so far: from there it is to be followed. */
  get length(): number {
    return this.#log.length;
  }

  /** The last bytes, as text. */
  get tail(): string {
    return this.#log.tail;
  }

  async write(chunk: Buffer): Promise<void> {
    await this.#log.write(chunk);
    await this.#teller.write(chunk);
  }

  /** All that was written is in the store when it returns. */
  async flush(): Promise<void> {
    await this.#log.flush();
    await this.#teller.flush();
  }

  /** As flush, when the output is over. */
  async finish(): Promise<void> {
    await this.#log.finish();
    await this.#teller.finish();
  }
}
