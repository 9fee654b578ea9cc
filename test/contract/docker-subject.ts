import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { type Logger, pino } from 'pino';
import { baseImage } from '../../src/embedded/base-image.ts';
import { findEngine } from '../../src/embedded/engine.ts';
import {
  createDockerProvider,
  type DockerProvider,
  type DockerProviderOptions,
} from '../../src/sandboxes/docker/provider.ts';
import { snapshotImage } from '../../src/sandboxes/docker/snapshot-name.ts';
import { type Subject, never } from './subject.ts';

export interface DockerSubject extends Subject {
  readonly provider: DockerProvider;
  readonly docker: Docker;
  /** Of the relay. */
  readonly address: { readonly socketPath: string };
  readonly installation: string;
  readonly interceptorPort: number;
  readonly logger: Logger;
  /** What the provider was made with. */
  readonly options: DockerProviderOptions;
  /** Method and path of each call to the engine. */
  readonly calls: string[];
  /** Nobody answers on the engine's socket until it is `back`. */
  readonly away: () => Promise<void>;
  readonly back: () => Promise<void>;
  /** The same installation in another process, as it were: nothing is remembered. */
  readonly another: () => DockerProvider;
}

/** A Docker provider with an installation of its own, which reaches the engine through a relay that can be cut. */
export async function dockerSubject(options: Partial<DockerProviderOptions> = {}): Promise<DockerSubject> {
  const { engine } = await findEngine(process.env, never());
  if (!engine) throw new Error('these tests need a container engine: `npm run setup` brings one');
  const folder = await mkdtemp(join(tmpdir(), 'harbor-engine-'));
  const socketPath = join(folder, 'engine.sock');
  const open = new Set<Socket>();
  const calls: string[] = [];
  const relay = createServer((client) => {
    const upstream = connect('socketPath' in engine.address ? { path: engine.address.socketPath } : engine.address);
    client.on('data', (chunk) => {
      const call = /^([A-Z]+ \/\S*) HTTP\/1.1\r\n/.exec(chunk.toString('latin1'));
      if (call?.[1] !== undefined) calls.push(call[1]);
    });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(socket);
      socket.pipe(other);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        open.delete(socket);
        other.destroy();
      });
    }
  });
  const back = (): Promise<void> => new Promise((resolve) => relay.listen(socketPath, resolve));
  const cut = (): void => {
    for (const socket of open) socket.destroy();
  };
  const away = (): Promise<void> =>
    new Promise((resolve) => {
      relay.close(() => resolve());
      cut();
    });
  await back();

  const settings = {
    engine: { socketPath },
    installation: randomUUID(),
    interceptorPort: 20_000 + Math.floor(Math.random() * 10_000),
    logger: pino({ level: 'silent' }),
    ...options,
  };
  const provider = createDockerProvider(settings);
  await provider.start(never());
  const docker = new Docker(engine.address);
  return {
    provider,
    baseImage,
    docker,
    address: { socketPath },
    installation: settings.installation,
    interceptorPort: settings.interceptorPort,
    logger: settings.logger,
    options: settings,
    calls,
    away,
    back,
    another: () => createDockerProvider(settings),
    cut,
    close: async (snapshots) => {
      for (const name of snapshots) await docker.getImage(snapshotImage(name)).remove({ force: true }).catch(isMissing);
      await provider.stop();
      await away();
      await rm(folder, { recursive: true });
    },
  };
}

function isMissing(error: unknown): void {
  if (!(error instanceof Error && 'statusCode' in error && error.statusCode === 404)) throw error;
}
