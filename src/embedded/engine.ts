import { join } from 'node:path';
import { z } from 'zod';
import { errorText, HarborError } from '../model/errors.ts';
import { addressText, askEngine, type EngineAddress } from './engine-api.ts';
import { hasCode } from './files.ts';

/** A container engine that answers. */
export interface Engine {
  readonly address: EngineAddress;
  readonly kind: 'docker' | 'podman';
  readonly version: string;
  readonly storageDriver: string;
  readonly cores: number;
  readonly memoryBytes: number;
}

export interface EngineSearch {
  readonly engine: Engine | undefined;
  /** Why each place that was looked at has none. */
  readonly misses: readonly EngineMiss[];
}

export interface EngineMiss {
  readonly address: EngineAddress;
  /** `absent`: nobody listens there; `forbidden`: no right to talk to it. */
  readonly reason: 'absent' | 'forbidden' | 'broken';
  readonly error: unknown;
}

const versionSchema = z.object({
  Version: z.string(),
  Components: z.array(z.object({ Name: z.string() })).nullish(),
});
const infoSchema = z.object({ Driver: z.string(), NCPU: z.int(), MemTotal: z.int() });

/** Milliseconds for one engine to answer. */
const answerMs = 10_000;

/** The engine that DOCKER_HOST names and no other; else the first that answers of Docker's and Podman's usual sockets. */
export async function findEngine(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<EngineSearch> {
  const misses: EngineMiss[] = [];
  for (const address of candidates(env)) {
    try {
      return { engine: await inspectEngine(address, signal), misses };
    } catch (error) {
      signal.throwIfAborted();
      misses.push({ address, reason: reasonOf(error), error });
    }
  }
  return { engine: undefined, misses };
}

/** Rejects where it does not answer in time. */
async function inspectEngine(address: EngineAddress, signal: AbortSignal): Promise<Engine> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(answerMs)]);
  const version = await askEngine(address, '/version', versionSchema, within);
  const info = await askEngine(address, '/info', infoSchema, within);
  return {
    address,
    kind: version.Components?.some(({ Name }) => /podman/i.test(Name)) ? 'podman' : 'docker',
    version: version.Version,
    storageDriver: info.Driver,
    cores: info.NCPU,
    memoryBytes: info.MemTotal,
  };
}

export function describeEngine(engine: Engine): string {
  return `${engine.kind} ${engine.version}, ${engine.storageDriver}, ${addressText(engine.address)}`;
}

/** What stands in the way, in one line a place. */
export function describeMiss({ address, reason, error }: EngineMiss): string {
  if (reason === 'absent') return `nothing listens on ${addressText(address)}`;
  if (reason === 'forbidden') return `no right to use ${addressText(address)}`;
  return `${addressText(address)}: ${errorText(error)}`;
}

function candidates(env: NodeJS.ProcessEnv): EngineAddress[] {
  if (env['DOCKER_HOST']) return [parseDockerHost(env['DOCKER_HOST'], env)];
  const own = env['XDG_RUNTIME_DIR'];
  return [
    '/var/run/docker.sock',
    ...(own ? [join(own, 'docker.sock')] : []),
    '/run/podman/podman.sock',
    ...(own ? [join(own, 'podman', 'podman.sock')] : []),
  ].map((socketPath) => ({ socketPath }));
}

function parseDockerHost(value: string, env: NodeJS.ProcessEnv): EngineAddress {
  if (value.startsWith('unix://')) return { socketPath: value.slice('unix://'.length) };
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url && ['tcp:', 'http:'].includes(url.protocol) && !env['DOCKER_TLS_VERIFY']) {
    return { host: url.hostname, port: Number(url.port || 2375) };
  }
  throw new HarborError('invalid_request', `DOCKER_HOST is ${value}, which Harbor cannot talk to`, {
    remedy:
      'Use unix:///path/to/docker.sock or tcp://host:port without TLS, through an SSH tunnel where it is far away.',
  });
}

function reasonOf(error: unknown): EngineMiss['reason'] {
  if (hasCode(error, 'ENOENT') || hasCode(error, 'ECONNREFUSED')) return 'absent';
  return hasCode(error, 'EACCES') || hasCode(error, 'EPERM') ? 'forbidden' : 'broken';
}
