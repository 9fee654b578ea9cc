import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { homePath, readServerInfo } from '../embedded/home.ts';
import { HarborError } from '../model/errors.ts';
import { HarborClient } from '../sdk/client.ts';

/** What all commands know of how they were called. */
export interface CliContext {
  /** `harbor`, or `synth` for users of the existing client, whose words mean what they know. */
  readonly name: 'harbor' | 'synth';
  /** What a command line starts with, for advice: `harbor`, `synth harbor`. */
  readonly prefix: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Flags of every command that talks to a server. */
export interface ServerFlags {
  readonly backendUrl?: string;
  readonly apiKey?: string;
}

/** A command that talks to a server. */
export function apiCommand(parent: Command, usage: string): Command {
  return parent
    .command(usage)
    .addOption(
      new Option('--url, --backend-url <url>', 'the server; default: HARBOR_URL, else the one on this machine'),
    )
    .addOption(new Option('--api-key <key>', 'default: HARBOR_API_KEY, else the key of the server on this machine'));
}

/** The server that flags or environment name, else the one that runs on this machine. */
export async function clientFor({ env }: CliContext, flags: ServerFlags): Promise<HarborClient> {
  // A key goes to the server that it is named with: SYNTH_API_KEY is none of the local server's.
  const home = homePath(env);
  const local = await readServerInfo(home);
  const sources = [
    { url: flags.backendUrl, keys: ['HARBOR_API_KEY', 'SYNTH_API_KEY'] },
    { url: env['HARBOR_URL'], keys: ['HARBOR_API_KEY', 'SYNTH_API_KEY'] },
    { url: env['SYNTH_BACKEND_URL'], keys: ['SYNTH_API_KEY', 'HARBOR_API_KEY'] },
    { url: local?.url, keys: ['HARBOR_API_KEY'] },
  ];
  const source = sources.find(({ url }) => url);
  if (!source?.url) {
    throw new HarborError('invalid_request', 'no Harbor server runs on this machine', {
      remedy: 'Start one with `harbor up`, or name one with --url (or HARBOR_URL) and --api-key (or HARBOR_API_KEY).',
    });
  }
  const origin = originOf(source.url);
  const named = flags.apiKey ?? source.keys.map((name) => env[name]).find(Boolean);
  const apiKey = named ?? (local && originOf(local.url) === origin ? await keyIn(local.apiKeyFile) : undefined);
  if (!apiKey) {
    throw new HarborError('invalid_request', `no API key for ${origin}`, {
      remedy: 'Give it with --api-key or HARBOR_API_KEY.',
    });
  }
  return new HarborClient({ url: source.url === local?.url ? localUrl(home, local.url) : source.url, apiKey });
}

/** Where the server of a data folder is now: restarted, it may have to take another port. */
export function localUrl(home: string, last: string): () => Promise<string> {
  return async () => (await readServerInfo(home))?.url ?? last;
}

function originOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed && /^https?:$/.test(parsed.protocol) && parsed.username === '') return parsed.origin;
  throw new HarborError('invalid_request', 'the address of the server is no http or https URL', {
    remedy: 'Write it like http://127.0.0.1:8000; the key goes into --api-key.',
  });
}

export async function keyIn(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw new HarborError('invalid_request', `the key of the server on this machine cannot be read from ${file}`, {
      cause: error,
      remedy: 'Give it with --api-key or HARBOR_API_KEY.',
    });
  }
}

/** Reads a whole number of at least `least`. */
export function wholeNumber(least: number) {
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`It must be a whole number, ${least} or more.`);
    }
    return value;
  };
}

/** A flag that may be given several times. */
export function repeated<T>(read: (text: string) => T) {
  return (text: string, earlier: readonly T[] | undefined): readonly T[] => [...(earlier ?? []), read(text)];
}
