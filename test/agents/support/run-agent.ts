import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { AgentRun, CodingAgent } from '../../../src/agents/agent.ts';
import { agentRegistry } from '../../../src/agents/registry.ts';
import { toolboxPath } from '../../../src/agents/toolbox-path.ts';
import type { AgentEvent } from '../../../src/model/agent-event.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import { readModel } from '../../../src/model/model-ref.ts';
import { type AtEnd, type TestInterceptor, temporaryFolder } from '../../interceptor/support/interceptor.ts';
import { toolboxFolder } from '../../support/toolbox.ts';

export function agentNamed(name: string): CodingAgent {
  const agent = agentRegistry.byName(name);
  if (!agent) throw new Error(`there is no agent ${name}`);
  return agent;
}

/** Where an agent works on this machine, instead of in a sandbox. */
export interface Workplace {
  /** Its own folder, its working directory, its user's home. */
  readonly own: string;
  readonly work: string;
  readonly home: string;
}

export async function makeWorkplace(atEnd?: AtEnd): Promise<Workplace> {
  const folder = await temporaryFolder(atEnd);
  const place = { own: join(folder, 'own'), work: join(folder, 'work'), home: join(folder, 'home') };
  for (const path of Object.values(place)) await mkdir(path);
  return place;
}

export interface AgentJob {
  readonly interceptor: TestInterceptor;
  readonly token: string;
  readonly place: Workplace;
  /** Default: the agent's own. */
  readonly model?: string;
  readonly settings?: JsonObject;
  /** A session to take up again. */
  readonly sessionId?: string;
  /** Of the image, so to speak. */
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the agent and all that it started by SIGTERM. */
  readonly signal?: AbortSignal;
  /** Called with each event as it comes. */
  readonly onEvent?: (event: AgentEvent) => void;
}

export interface AgentOutcome {
  /** null: a signal ended it. */
  readonly exitCode: number | null;
  readonly output: string;
  readonly events: readonly AgentEvent[];
}

/** Lets a real agent work as its spec says, on this machine. */
export async function runAgent(agent: CodingAgent, job: AgentJob): Promise<AgentOutcome> {
  const { interceptor, token, place, model = agent.defaultModel, settings = {}, sessionId, env, signal } = job;
  const run: AgentRun = {
    rolloutId: 'rollout-1',
    attempt: 1,
    traceCorrelationId: 'rollout-1',
    seed: null,
    instruction: 'Make hello.txt, and say "done".',
    model: readModel(model),
    settings,
    interceptorUrl: interceptor.url,
    token,
    timeoutSeconds: 600,
    entrypoint: { command: '', mode: 'file' },
    request: {},
    home: place.own,
  };
  const command = sessionId === undefined ? agent.prepare(run) : agent.resume(run, sessionId);
  for (const { path, content, mode = 0o644 } of command.files) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    await chmod(path, mode);
  }
  const folder = await toolboxFolder(agent);
  const [program = '', ...args] = command.argv.map((word) => word.replaceAll(toolboxPath(agent.name), folder));
  await using stdin = await open(command.stdin ?? '/dev/null');
  const child = spawn(program, args, {
    cwd: place.work,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: place.home, ...env, ...command.env },
    stdio: [stdin.fd, 'pipe', 'pipe'],
    detached: true,
  });
  const end = (): void => void (child.pid !== undefined && child.exitCode === null && process.kill(-child.pid));
  signal?.addEventListener('abort', end);
  const read = agent.output();
  const events: AgentEvent[] = [];
  let [output, rest] = ['', ''];
  const take = (piece: Buffer): void => {
    output += String(piece);
    const lines = (rest + String(piece)).split('\n');
    rest = lines.pop() ?? '';
    for (const event of lines.flatMap((line) => read(line) ?? [])) {
      events.push(event);
      job.onEvent?.(event);
    }
  };
  child.stdout?.on('data', take);
  child.stderr?.on('data', (piece: Buffer) => (output += String(piece)));
  const [exitCode] = await once(child, 'close');
  return { exitCode: typeof exitCode === 'number' ? exitCode : null, output, events };
}

/** What the agent was asked to make; undefined where it is not there. */
export async function madeFile({ work }: Workplace): Promise<string | undefined> {
  return readFile(join(work, 'hello.txt'), 'utf8').catch(() => undefined);
}
