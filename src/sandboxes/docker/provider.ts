import type { Logger } from 'pino';
import { HarborError } from '../../model/errors.ts';
import type { SandboxProvider } from '../provider.ts';
import { getArchive, putArchive } from './archives.ts';
import { createBox, destroyBox, findBox, listBoxes, pauseBox, resumeBox } from './boxes.ts';
import { trimBuildCache } from './build-cache.ts';
import { createDiskWatch, type DiskWatchOptions } from './disk.ts';
import { leaksNames } from './dns.ts';
import { createEgress } from './egress.ts';
import { attempt, type EngineAddress, type EngineInfo, openEngine } from './engine.ts';
import { type FirewallState, lowerFirewall, raiseFirewall } from './firewall.ts';
import { resolveImages } from './images.ts';
import { listLeftovers, removeLeftover } from './leftovers.ts';
import { createNetworks, isLocal } from './networks.ts';
import { addressOf, outsideInterceptor } from './outside-interceptor.ts';
import { quiesce } from './quiesce.ts';
import { runInBox } from './run.ts';
import { readSnapshotFiles } from './snapshot-files.ts';
import { createSnapshotSpace } from './snapshot-space.ts';
import { createSnapshots } from './snapshots.ts';
import { createToolboxes } from './toolboxes.ts';

export interface DockerProviderOptions {
  /** Docker's API, or Podman's. */
  readonly engine: EngineAddress;
  /** Uuid of this Harbor. Its label is on everything that is made; its first eight digits are in the networks' names. */
  readonly installation: string;
  /** Where the interceptor listens on the gateways. */
  readonly interceptorPort: number;
  /** Where sandboxes reach interceptors that are not on the gateways: `http(s)://<host>[:<port>]`, no loopback, no path. */
  readonly interceptorUrl?: string | undefined;
  readonly logger: Logger;
  readonly disk?: DiskWatchOptions;
}

/** The sandbox provider over the Docker Engine API. */
export interface DockerProvider extends SandboxProvider {
  /**
   * Makes the networks and closes the host to them; before any sandbox is made. Answers with the addresses on which an
   * interceptor of this machine must listen: the networks' gateways. Idempotent.
   */
  start(signal: AbortSignal): Promise<{ readonly interceptorHosts: readonly string[] }>;
  /** Takes back what `start` made, unless sandboxes are left that need it. */
  stop(): Promise<void>;
  /** Throws `sandbox_failed` where the engine does not answer. */
  health(signal: AbortSignal): Promise<void>;
  describe(signal: AbortSignal): Promise<DockerDescription>;
}

interface DockerDescription {
  readonly engine: EngineInfo;
  /** As `start` left it; inactive before. */
  readonly firewall: FirewallState;
  /** What is not as closed as it should be, each with what to do about it. */
  readonly warnings: readonly string[];
}

/** Does nothing until it is asked to. */
export function createDockerProvider(options: DockerProviderOptions): DockerProvider {
  const { installation, interceptorPort, logger } = options;
  const engine = openEngine({ address: options.engine, installation, logger });
  const networks = createNetworks(engine);
  let firewall: FirewallState = { active: false, reason: 'the provider was not started' };
  const outside = options.interceptorUrl === undefined ? undefined : outsideInterceptor(options.interceptorUrl);
  const egress = createEgress(engine, networks, {
    port: interceptorPort,
    outside,
    isHandedOn: () => firewall.active,
  });
  const boxes = { engine, networks, egress, toolboxes: createToolboxes(engine) };
  const snapshots = createSnapshots(engine, networks);
  const space = createSnapshotSpace(engine);
  const disk = createDiskWatch(engine, options.disk);

  const start: DockerProvider['start'] = async (signal) => {
    const pair = await networks.ready();
    signal.throwIfAborted();
    if (!(await isLocal(pair))) {
      throw new HarborError('sandbox_failed', 'the networks of the container engine are not on this machine', {
        remedy: 'Run Harbor where the engine runs, and the engine as root: sandboxes reach the interceptor over them.',
      });
    }
    const address = outside && { address: await addressOf(outside), port: outside.port };
    firewall = await raiseFirewall({ installation, networks: pair, interceptorPort, outside: address });
    if (!firewall.active) {
      logger.warn({ reason: firewall.reason }, 'sandboxes reach the ports of this machine');
      if (outside) logger.warn({ reason: firewall.reason }, 'sandboxes cannot have the egress interceptor-only');
    }
    return { interceptorHosts: [pair.open.gateway, pair.closed.gateway] };
  };

  const stop = async (): Promise<void> => {
    if ((await listBoxes(engine, new AbortController().signal)).length > 0) return;
    await lowerFirewall(installation);
    await networks.remove();
  };

  const describe: DockerProvider['describe'] = async (signal) => {
    const info = await engine.info();
    signal.throwIfAborted();
    const warnings: string[] = [];
    if (!firewall.active) {
      warnings.push(
        `Sandboxes reach the ports of this machine: ${firewall.reason}. Run Harbor as root, with iptables.`,
      );
      if (outside) {
        warnings.push(
          `Sandboxes cannot have the egress interceptor-only, since ${outside.url} is not on this machine's gateways.`,
        );
      }
    }
    if (await leaksNames(info.version)) {
      warnings.push(
        'Sandboxes without network can ask name servers. Update Docker to 25.0.5 or later, or name a server that is not ' +
          'on loopback as "dns" in its daemon.json.',
      );
    }
    return { engine: info, firewall, warnings };
  };

  return {
    specificationVersion: 'sandbox-v1',
    id: 'docker',
    start,
    stop,
    health: async (signal) => {
      await attempt('reach', 'the container engine', () => engine.docker.ping(), signal);
    },
    describe,

    async capacity(signal) {
      const { cpus, memoryBytes } = await engine.info();
      signal.throwIfAborted();
      return { cpuCores: cpus, memoryMb: Math.floor(memoryBytes / 2 ** 20) };
    },
    resolveImages: (images, signal) => resolveImages(engine, images, signal),
    ensureSnapshot: snapshots.ensure,
    findSnapshot: snapshots.find,
    listSnapshots: space.list,
    removeSnapshot: space.remove,
    readSnapshot: (name, paths, signal) => readSnapshotFiles(engine, name, paths, signal),

    interceptorUrl: egress.interceptorUrl,
    create: (request) => createBox(boxes, request),
    find: (name) => findBox(boxes, name),
    run: (sandbox, request) => runInBox(engine, disk, sandbox, request),
    quiesce: (sandbox, signal) => quiesce(engine, sandbox, signal),
    setEgress: (sandbox, mode) => egress.set(sandbox, mode),
    put: (sandbox, path, tar, signal) => putArchive(engine, sandbox, path, tar, signal),
    get: (sandbox, path, signal) => getArchive(engine, sandbox, path, signal),
    pause: (sandbox) => pauseBox(engine, sandbox),
    resume: (sandbox) => resumeBox(engine, sandbox),
    destroy: (sandbox) => destroyBox(boxes, sandbox),
    list: (signal) => listBoxes(engine, signal),

    listLeftovers: (needed, signal) => listLeftovers(engine, needed, signal),
    trimBuildCache: (bytes, dryRun, signal) => trimBuildCache(engine, bytes, dryRun, signal),
    removeLeftover: (leftover, signal) => removeLeftover(engine, leftover, signal),
  };
}
