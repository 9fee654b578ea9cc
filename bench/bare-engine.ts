import { pino } from 'pino';
import { commandRoot, wrapCommand } from '../src/sandboxes/command-wrapper.ts';
import { boxSettings } from '../src/sandboxes/docker/box-settings.ts';
import { openEngine } from '../src/sandboxes/docker/engine.ts';
import { filesTar } from '../src/sandboxes/docker/tars.ts';
import type { SandboxFile } from '../src/sandboxes/provider.ts';

export interface BareEngine {
  /** The engine calls that a trivial rollout makes, with the same arguments, and nothing around them. */
  sameCalls(name: string): Promise<void>;
  /** The least that any such system has to do: create, start, two commands, remove. */
  plainCalls(name: string): Promise<void>;
}

export interface BareOptions {
  readonly installation: string;
  readonly snapshot: string;
  /** What the rollout's sandbox is furnished with and runs. */
  readonly files: readonly SandboxFile[];
  readonly argv: readonly string[];
  readonly outbox: string;
}

/** The same engine, the same API client, none of Harbor's work. */
export function bareEngine({ installation, snapshot, files, argv, outbox }: BareOptions): BareEngine {
  const engine = openEngine({
    address: { socketPath: '/var/run/docker.sock' },
    installation,
    logger: pino({ level: 'silent' }),
  });
  const { docker } = engine;
  const request = {
    name: '',
    snapshot,
    labels: {},
    env: {},
    cpuCores: 2,
    memoryMb: 4096,
    diskMb: 10_240,
    egress: 'open' as const,
    toolboxes: [],
    files: [],
    signal: new AbortController().signal,
  };
  const settings = boxSettings(engine, request, {
    cpuCores: 2,
    network: `harbor-${installation.slice(0, 8)}-open`,
    hosts: [],
  });

  async function run(container: ReturnType<typeof docker.getContainer>, command: readonly string[]): Promise<void> {
    const exec = await container.exec({ Cmd: [...command], AttachStdin: true, AttachStdout: true, AttachStderr: true });
    const stream = await exec.start({ hijack: true, stdin: true });
    stream.resume();
    await new Promise((resolve) => stream.once('end', resolve));
    stream.destroy();
  }

  return {
    async sameCalls(name) {
      const container = await docker.createContainer({ name, ...settings });
      const tar = await filesTar([{ path: `${commandRoot}/`, content: '', mode: 0o1777 }, ...files]);
      await container.putArchive(tar, { path: '/' });
      await container.start();
      await run(container, wrapCommand({ id: 'agent', argv, offset: 0 }));
      await container.top();
      const archive = await container.getArchive({ path: outbox });
      archive.resume();
      await new Promise((resolve) => archive.once('end', resolve));
      await container.remove({ force: true, v: true });
    },
    async plainCalls(name) {
      const container = await docker.createContainer({ name, ...settings });
      await container.start();
      await run(container, ['true']);
      await run(container, ['true']);
      await container.remove({ force: true, v: true });
    },
  };
}
