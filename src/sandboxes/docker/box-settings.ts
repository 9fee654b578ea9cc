import type { ContainerCreateOptions } from 'dockerode';
import type { SandboxRequest } from '../provider.ts';
import { ownLabels, type Engine } from './engine.ts';
import { snapshotImage } from './snapshot-name.ts';
import { toolboxMount } from './toolboxes.ts';

/**
 * What the box itself runs behind the engine's init: it waits for ever, and of the signals that a process inside may send
 * to everything, it heeds only those that cannot be ignored. One process, so that any other one is foreign.
 */
const sleeper = ['/bin/sh', '-c', "trap '' HUP INT TERM; exec sleep 2147483647"];

/**
 * Processes and threads of a box at most. A fork bomb stops there, before it takes the process ids of the host (32768 by
 * default), and a parallel build or a JVM has room.
 */
const pidsLimit = 4096;

/** Label with the limit on the writable layer in MiB, for a process that comes to the sandbox later. */
export const diskLabel = 'harbor.disk_mb';

/** The container of a sandbox, for the engine. */
export function boxSettings(
  engine: Engine,
  request: SandboxRequest,
  granted: { readonly cpuCores: number; readonly network: string; readonly hosts: readonly string[] },
): ContainerCreateOptions {
  const memory = request.memoryMb * 2 ** 20;
  return {
    Image: snapshotImage(request.snapshot),
    Entrypoint: sleeper,
    Cmd: [],
    // The image's own check would run processes in the box at times of its own.
    Healthcheck: { Test: ['NONE'] },
    Env: Object.entries(request.env).map(([name, value]) => `${name}=${value}`),
    ...(request.workdir === undefined ? {} : { WorkingDir: request.workdir }),
    Labels: { ...request.labels, [diskLabel]: String(request.diskMb), ...ownLabels(engine, 'sandbox') },
    HostConfig: {
      Init: true,
      Memory: memory,
      // Equal to the memory: no swap.
      MemorySwap: memory,
      NanoCpus: Math.round(granted.cpuCores * 1e9),
      PidsLimit: pidsLimit,
      SecurityOpt: ['no-new-privileges'],
      // Without these two nobody inside forges packets or makes devices; without more of them apt-get and chown fail.
      CapDrop: ['NET_RAW', 'MKNOD'],
      NetworkMode: granted.network,
      ExtraHosts: [...granted.hosts],
      LogConfig: { Type: 'none', Config: {} },
      Mounts: request.toolboxes.map((toolbox) => toolboxMount(engine, toolbox)),
    },
  };
}
