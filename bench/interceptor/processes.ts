import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { interceptorAdmin } from '../../src/interceptor/admin-client.ts';
import { mintToken } from '../../src/interceptor/tokens.ts';
import { parseJson } from '../../src/model/json.ts';
import type { Target } from './asker.ts';

const portSchema = z.object({ port: z.int() });
const stateSchema = z.object({ publicPort: z.int(), adminPort: z.int() });
const secret = 'bench'.repeat(12);

export interface Program {
  readonly child: ChildProcess;
  readonly pid: number;
  /** What it says on stdout. */
  readonly lines: AsyncIterator<string>;
}

/** A program beside this file, or one of the tests', in a process of its own. */
export function start(program: string, argument: object, env: Readonly<Record<string, string>> = {}): Program {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const child = spawn(process.execPath, [path, JSON.stringify(argument)], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return { child, pid: child.pid ?? 0, lines: createInterface(child.stdout)[Symbol.asyncIterator]() };
}

export async function line<T>({ lines }: Program, schema: z.ZodType<T>): Promise<T> {
  const { value, done } = await lines.next();
  if (done) throw new Error('a program of the bench has ended too soon');
  return parseJson(value, schema);
}

/** A way to the upstream. */
export interface Way extends Target {
  /** Of the process that stands between; of the upstream where none does. */
  readonly pid: number;
}

/** `bare`: through a proxy that does nothing, which is the floor for anything that stands between. */
export type Ways = Readonly<Record<'direct' | 'bare' | 'interceptor', Way>>;
export const wayNames = ['direct', 'bare', 'interceptor'] as const satisfies readonly (keyof Ways)[];

/** An upstream and the ways to it, each process of its own; all are gone afterwards. */
export async function withWays<T>(work: (ways: Ways) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'harbor-bench-'));
  const programs: Program[] = [];
  const begin = (...given: Parameters<typeof start>): Program => {
    const program = start(...given);
    programs.push(program);
    return program;
  };
  try {
    const upstream = begin('upstream.ts', {});
    const { port } = await line(upstream, portSchema);
    const bare = begin('bare-proxy.ts', { port });
    const options = { directory, publicPort: 0, adminPort: 0, publicHosts: ['127.0.0.1'], installationSecret: secret };
    const env = { OPENAI_API_KEY: 'sk-bench', OPENAI_BASE_URL: baseUrl(port) };
    const interceptor = begin('../../test/interceptor/support/run-interceptor.ts', options, env);
    const { publicPort, adminPort } = await line(interceptor, stateSchema);
    const admin = interceptorAdmin({ adminPort, installationSecret: secret });
    await admin.grant({ rolloutId: 'bench', attempt: 1, models: ['bench'], script: null }, AbortSignal.timeout(10_000));
    const token = mintToken(secret, 'bench', 1);
    return await work({
      direct: { baseUrl: baseUrl(port), token, pid: upstream.pid },
      bare: { baseUrl: baseUrl((await line(bare, portSchema)).port), token, pid: bare.pid },
      interceptor: { baseUrl: baseUrl(publicPort), token, pid: interceptor.pid },
    });
  } finally {
    for (const { child } of programs) child.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  }
}

const baseUrl = (port: number): string => `http://127.0.0.1:${port}/v1`;

/** Seconds of CPU that a process has used so far; clock ticks are 10 ms on every Linux that matters. */
export async function cpuSeconds(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** MiB that a process has in memory. */
export async function residentMib(pid: number): Promise<number> {
  const [, kib] = /^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}
