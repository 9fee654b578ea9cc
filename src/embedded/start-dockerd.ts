import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { HarborError } from '../model/errors.ts';
import { type Engine, findEngine } from './engine.ts';
import { readIfThere } from './files.ts';
import { findProgram, runCommand } from './run-command.ts';

export interface StartOptions {
  /** The installed dockerd. */
  readonly program: string;
  readonly env: NodeJS.ProcessEnv;
  /** Where a dockerd that we start ourselves writes. */
  readonly log: string;
  readonly report: (detail: string) => void;
  readonly signal: AbortSignal;
}

/** Milliseconds for the machine's own service manager to bring it up. */
const serviceMs = 20_000;
/** Milliseconds for a dockerd of ours: a first start makes its folders and firewall chains. */
const daemonMs = 60_000;
/** Milliseconds that a dockerd which somebody else is just starting may need; ours gives way to it and ends. */
const rivalMs = 15_000;
const pollMs = 200;

/** Starts the installed Docker: as a service where something manages services here, else the daemon itself. */
export async function startDockerd(options: StartOptions): Promise<Engine> {
  const { env, signal, report } = options;
  if (process.getuid?.() !== 0) {
    throw new HarborError('sandbox_failed', 'Docker is installed but does not run, and only root can start it', {
      remedy: 'Start it: `sudo systemctl start docker`, or `sudo service docker start`.',
    });
  }
  report('starting Docker');
  if (await startService(env, signal)) {
    const engine = await answering(env, serviceMs, signal, () => true);
    if (engine) return engine;
  }
  return startDaemon(options);
}

/** Whether a service manager said that it started it. */
async function startService(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<boolean> {
  const systemd = existsSync('/run/systemd/system');
  if (!systemd && (!existsSync('/etc/init.d/docker') || !findProgram('service', env))) return false;
  const [command, args] = systemd ? ['systemctl', ['start', 'docker']] : ['service', ['docker', 'start']];
  try {
    await runCommand(command, args, { env, cwd: '/', signal });
    return true;
  } catch {
    // Containers often have a service manager in name only: the daemon itself is tried next, and its error is told.
    signal.throwIfAborted();
    return false;
  }
}

async function startDaemon({ program, env, log, report, signal }: StartOptions): Promise<Engine> {
  report('starting dockerd');
  const output = await open(log, 'w', 0o600);
  let running = true;
  try {
    const daemon = spawn(program, [], { cwd: '/', env, detached: true, stdio: ['ignore', output.fd, output.fd] });
    daemon.once('exit', () => (running = false)).once('error', () => (running = false));
    daemon.unref();
  } finally {
    await output.close();
  }
  const rivalUntil = performance.now() + rivalMs;
  const engine = await answering(env, daemonMs, signal, () => running || performance.now() < rivalUntil);
  if (engine) return engine;
  const said = ((await readIfThere(log)) ?? '').trimEnd().split('\n').slice(-5).join('\n');
  throw new HarborError('sandbox_failed', `dockerd does not come up:\n${said}`, {
    remedy: `Its whole log is ${log}. In a container, Docker needs that container to be privileged.`,
  });
}

async function answering(
  env: NodeJS.ProcessEnv,
  patienceMs: number,
  signal: AbortSignal,
  mayCome: () => boolean,
): Promise<Engine | undefined> {
  const deadline = performance.now() + patienceMs;
  do {
    const { engine } = await findEngine(env, signal);
    if (engine) return engine;
    await sleep(pollMs, undefined, { signal });
  } while (mayCome() && performance.now() < deadline);
  return undefined;
}
