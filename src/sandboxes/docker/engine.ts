import Docker from 'dockerode';
import type { Logger } from 'pino';
import { z } from 'zod';
import { errorText, HarborError, type Outage } from '../../model/errors.ts';

/** What every part of the provider needs: the engine, and how our own things on it are marked. */
export interface Engine {
  readonly docker: Docker;
  /** Uuid of this Harbor: the label of everything that it makes. */
  readonly installation: string;
  readonly logger: Logger;
  /** Asked once per process. */
  readonly info: () => Promise<EngineInfo>;
  /** Names of the helpers that this process works with. */
  readonly helpersAtWork: Set<string>;
}

export interface EngineInfo {
  readonly version: string;
  readonly architecture: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly storageDriver: string;
  readonly cgroupVersion: string | null;
}

/** Where the engine's API listens. */
export type EngineAddress = { readonly socketPath: string } | { readonly host: string; readonly port: number };

export interface EngineOptions {
  readonly address: EngineAddress;
  readonly installation: string;
  readonly logger: Logger;
}

export type Kind = 'sandbox' | 'helper' | 'snapshot' | 'toolbox' | 'network';

/** Labels that say whose a thing is and what it is for. */
export const ownLabels = (engine: Engine, kind: Kind): Record<string, string> => ({
  'harbor.installation': engine.installation,
  'harbor.kind': kind,
});

/** A label filter for the engine's lists. */
export const ownFilter = (engine: Engine, kind: Kind): { label: string[] } => ({
  label: Object.entries(ownLabels(engine, kind)).map(([key, value]) => `${key}=${value}`),
});

export function openEngine(options: EngineOptions): Engine {
  // docker-modem reads DOCKER_HOST for whatever is not said here, and prefers a host to a socket.
  const docker = new Docker({ host: undefined, protocol: 'http', ...options.address });
  let known: Promise<EngineInfo> | undefined;
  const info = (): Promise<EngineInfo> => {
    known ??= readInfo(docker).catch((error: unknown) => {
      known = undefined;
      throw engineError('ask the container engine at', Object.values(options.address).join(':'), error);
    });
    return known;
  };
  return { docker, installation: options.installation, logger: options.logger, info, helpersAtWork: new Set() };
}

const infoSchema = z.object({
  ServerVersion: z.string(),
  Architecture: z.string(),
  NCPU: z.number(),
  MemTotal: z.number(),
  Driver: z.string(),
  CgroupVersion: z.string().optional(),
});

async function readInfo(docker: Docker): Promise<EngineInfo> {
  const info = infoSchema.parse(await docker.info());
  return {
    version: info.ServerVersion,
    architecture: info.Architecture,
    cpus: info.NCPU,
    memoryBytes: info.MemTotal,
    storageDriver: info.Driver,
    cgroupVersion: info.CgroupVersion ?? null,
  };
}

const answerSchema = z.object({ statusCode: z.number() });

/** HTTP status with which the engine refused; undefined where it did not answer at all. */
export function statusOf(error: unknown): number | undefined {
  const answer = answerSchema.safeParse(error);
  return answer.success ? answer.data.statusCode : undefined;
}

/** The engine's own words for what went wrong, less what docker-modem puts before them: `(HTTP code 404) <its own> - `. */
export function reasonOf(error: unknown): string {
  return errorText(error)
    .replace(/^\(HTTP code \d+\) .*? - /s, '')
    .trim();
}

const socketErrorSchema = z.object({ code: z.string(), syscall: z.string().optional() });

/** Of an engine that could not be reached, or that broke off, which says nothing about what it did until then. */
function outageOf(error: unknown): Outage | undefined {
  const { data } = socketErrorSchema.safeParse(error);
  if (data?.syscall === 'connect' || data?.syscall === 'getaddrinfo') return 'away';
  return data && /^(ECONNRESET|EPIPE|ETIMEDOUT)$/.test(data.code) ? 'broke-off' : undefined;
}

/** 404 of a thing that is gone, as opposed to one of a path inside it. */
export const isGone = (error: unknown): boolean =>
  statusOf(error) === 404 && /no such container|no container with/i.test(reasonOf(error));

/** An engine's refusal as a failure: `sandbox_lost` where the sandbox is gone, else `sandbox_failed`. */
export function engineError(doing: string, what: string, error: unknown): HarborError {
  if (HarborError.isInstance(error)) return error;
  if (isGone(error)) return new HarborError('sandbox_lost', `could not ${doing} ${what}: it is gone`, { cause: error });
  const outage = outageOf(error);
  return new HarborError('sandbox_failed', `could not ${doing} ${what}: ${reasonOf(error)}`, {
    cause: error,
    outage,
    remedy: outage && 'Check that the container engine runs: `harbor doctor`.',
  });
}

/** Runs a call to the engine; what it throws becomes a failure, an abort stays the signal's own reason. */
export async function attempt<T>(
  doing: string,
  what: string,
  call: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  signal?.throwIfAborted();
  try {
    return await call();
  } catch (error) {
    signal?.throwIfAborted();
    throw engineError(doing, what, error);
  }
}
