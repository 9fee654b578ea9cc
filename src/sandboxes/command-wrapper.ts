import { HarborError } from '../model/errors.ts';
import { commandScript } from './command-script.ts';
import type { CommandEnd, CommandExit } from './provider.ts';

/** Where the commands' folders are, in every sandbox; a directory of mode 1777 that is there before the first command. */
export const commandRoot = '/.harbor';

export interface WrappedCommand {
  /** Names the command; part of a path. */
  readonly id: string;
  readonly argv: readonly string[];
  readonly stdin?: string | undefined;
  /** Bytes of the output that are known already. */
  readonly offset: number;
  /** Default: {@link commandRoot}. */
  readonly root?: string;
}

/**
 * What a provider runs inside a sandbox, as the command's own user and with its own working directory and environment,
 * to start a command unless it was started before, and to follow it. The shell adds PWD to the environment, bash also
 * SHLVL and `_`. The command is over when its main process is: children that it leaves behind are not waited for, and
 * what they print after it is not followed. Keep stdin open while the output is read; its end ends the follower, never
 * the command. stdout is for a {@link FollowDecoder}; stderr carries nothing but trouble.
 */
export function wrapCommand(command: WrappedCommand): string[] {
  const { id, argv, stdin = '/dev/null', offset, root = commandRoot } = command;
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(id)) throw new HarborError('internal', `bad id of a command: ${id}`);
  if (argv.length === 0) throw new HarborError('internal', `the command ${id} is empty`);
  return ['/bin/sh', '-c', commandScript, 'harbor', `${root}/${id}`, String(offset), stdin, ...argv];
}

const greeting = 'harbor 1';
/** Longest line of the protocol, and how much of a foreign text is kept. */
const lineLimit = 4096;

/**
 * Reads what a follower prints: a greeting; frames, each its length in decimal on a line and then so many bytes of the
 * command's output; at last a line that says how the command ended. Output and control share one stream because engines
 * do not keep the order between two, and put messages of their own on stdout.
 */
export class FollowDecoder {
  #expects: 'greeting' | 'line' | 'output' | 'nothing' = 'greeting';
  #line: Buffer[] = [];
  #lineBytes = 0;
  #left = 0;
  #refusal: string | undefined;

  /** Whether the follower itself has spoken. */
  get greeted(): boolean {
    return this.#expects !== 'greeting';
  }

  /** What came in place of the follower's greeting: at most 4096 bytes of it. */
  get foreign(): string {
    return this.greeted ? '' : Buffer.concat(this.#line).toString().trim();
  }

  /** Why the follower cannot work in this sandbox; undefined as long as it can. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** Takes the next bytes; gives the output in them, as it comes, and the end. */
  *read(chunk: Buffer): Generator<Buffer | CommandEnd> {
    let rest = chunk;
    while (rest.length > 0 && this.#expects !== 'nothing') {
      if (this.#expects === 'output') {
        const piece = rest.subarray(0, this.#left);
        rest = rest.subarray(piece.length);
        this.#left -= piece.length;
        if (this.#left === 0) this.#expects = 'line';
        yield piece;
        continue;
      }
      const end = rest.indexOf(0x0a);
      this.#keep(end < 0 ? rest : rest.subarray(0, end));
      if (end < 0) return;
      rest = rest.subarray(end + 1);
      const ended = this.#readLine(Buffer.concat(this.#line).toString());
      if (ended) yield ended;
    }
  }

  #keep(part: Buffer): void {
    const kept = part.subarray(0, lineLimit - this.#lineBytes);
    this.#lineBytes += kept.length;
    if (kept.length > 0) this.#line.push(kept);
  }

  #readLine(line: string): CommandEnd | undefined {
    if (this.#expects === 'greeting' && line !== greeting) {
      this.#keep(Buffer.from('\n'));
      return undefined;
    }
    this.#line = [];
    this.#lineBytes = 0;
    if (this.#expects === 'greeting') {
      this.#expects = 'line';
      return undefined;
    }
    if (/^[0-9]+$/.test(line)) {
      this.#left = Number(line);
      this.#expects = 'output';
      return undefined;
    }
    this.#expects = 'nothing';
    const end = parseEnd(line);
    if (!end) this.#refusal = line.replace(/^refused /, '');
    return end;
  }
}

function parseEnd(line: string): CommandEnd | undefined {
  if (line === 'cut-off') return { kind: 'cut-off' };
  if (line === 'cut-off anew') return { kind: 'cut-off', startedAnew: true };
  const [word, exitCode, outputBytes, oomKills, peak, nanoseconds, ...more] = line.split(' ');
  if (word !== 'exit' || more.length > 0) return undefined;
  const [code, bytes] = [figure(exitCode), figure(outputBytes)];
  if (code === null || bytes === null) return undefined;
  const cpu = figure(nanoseconds);
  return {
    kind: 'exited',
    exitCode: code,
    outputBytes: bytes,
    oomKills: figure(oomKills),
    peakMemoryBytes: figure(peak),
    cpuSeconds: cpu === null ? null : cpu / 1e9,
  } satisfies CommandExit;
}

const figure = (text: string | undefined): number | null =>
  text !== undefined && /^[0-9]+$/.test(text) ? Number(text) : null;
