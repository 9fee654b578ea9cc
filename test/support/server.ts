import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { parseJson } from '../../src/model/json.ts';
import { HarborClient } from '../../src/sdk/client.ts';

export const harborProgram = fileURLToPath(new URL('../../bin/harbor', import.meta.url));

const readySchema = z.object({ url: z.string(), temporalUi: z.string(), apiKeyFile: z.string(), metrics: z.string() });
const serverSchema = z.object({ temporalAddress: z.string() });
const installationSchema = z.object({ id: z.string(), secret: z.string() });

/** A real `harbor up` on a data folder of its own. */
export interface TestServer {
  readonly home: string;
  readonly pid: number;
  readonly url: string;
  /** Where it is scraped. */
  readonly metrics: string;
  readonly apiKey: string;
  readonly temporalAddress: string;
  readonly installation: { readonly id: string; readonly secret: string };
  readonly client: HarborClient;
  /** What it wrote on stderr. */
  errors(): string;
  /** Sends a signal to the process alone and waits for its end; its children may live on. */
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** The surroundings in which a server is started; without any LLM key, unless one is given. */
export function environment(home: string, more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const bare = Object.entries(process.env).filter(([name]) => !/^(OPENAI|ANTHROPIC|HARBOR|SYNTH|npm)_/.test(name));
  return {
    ...Object.fromEntries(bare),
    HARBOR_HOME: home,
    HARBOR_PORT: '0',
    HARBOR_HEALTH_PORT: '0',
    HARBOR_LOG_LEVEL: 'warn',
    ...more,
  };
}

export function makeHome(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'harbor-home-'));
}

export async function startServer(home: string, more: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  const child = spawn(harborProgram, ['up'], { env: environment(home, more), stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const line = await Promise.race([firstLine(child), endOf(child, () => errors)]);
  const { url, apiKeyFile, metrics } = parseJson(line, readySchema);
  const read = (file: string) => readFile(file, 'utf8');
  const apiKey = (await read(apiKeyFile)).trim();
  return {
    home,
    pid: child.pid ?? 0,
    url,
    metrics,
    apiKey,
    temporalAddress: parseJson(await read(join(home, 'server.json')), serverSchema).temporalAddress,
    installation: parseJson(await read(join(home, 'installation.json')), installationSchema),
    client: new HarborClient({ url, apiKey }),
    errors: () => errors,
    async kill(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const end = once(child, 'exit');
      child.kill(signal);
      await end;
    },
  };
}

/** Ends a server and everything it started, and removes its data folder. */
export async function disposeServer(server: TestServer): Promise<void> {
  await server.kill('SIGTERM');
  await rm(server.home, { recursive: true, force: true });
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('no stdout');
  for await (const line of createInterface(child.stdout)) return line;
  return new Promise(() => {});
}

async function endOf(child: ChildProcess, errors: () => string): Promise<never> {
  const [code] = await once(child, 'exit');
  throw new Error(`harbor up ended with ${String(code)}:\n${errors()}`);
}
