import type { ContainerInspectInfo } from 'dockerode';
import { HarborError } from '../../model/errors.ts';
import { commandRoot } from '../command-wrapper.ts';
import type { Sandbox, SandboxListing, SandboxRequest } from '../provider.ts';
import { putArchive } from './archives.ts';
import { boxSettings } from './box-settings.ts';
import { makeContainer, removeContainer } from './containers.ts';
import { isNetworkMissing, type Egress } from './egress.ts';
import { attempt, isGone, ownFilter, reasonOf, statusOf, type Engine } from './engine.ts';
import type { Networks } from './networks.ts';
import { snapshotImage } from './snapshot-name.ts';
import { filesTar } from './tars.ts';
import type { Toolboxes } from './toolboxes.ts';

export interface BoxParts {
  readonly engine: Engine;
  readonly networks: Networks;
  readonly egress: Egress;
  readonly toolboxes: Toolboxes;
}

/** A running box of that name. It is tried to be made first: a look before costs every rollout a call for nothing. */
export async function createBox(parts: BoxParts, request: SandboxRequest): Promise<Sandbox> {
  const { engine, egress } = parts;
  const { name, signal, memoryMb } = request;
  const network = await egress.networkFor(request.egress);
  const cpuCores = Math.min(request.cpuCores, (await engine.info()).cpus);
  const settings = boxSettings(engine, request, { cpuCores, network, hosts: egress.hosts() });
  for (;;) {
    const id = await makeBox(engine, name, settings, signal);
    if (id === undefined) {
      const adopted = await adoptBox(parts, request);
      if (adopted) return adopted;
      continue;
    }
    egress.made(name, network);
    await furnish(parts, request);
    await startBox(parts, name, signal);
    const interceptorUrl = egress.interceptorUrl(request.egress);
    return { name, providerRef: id, state: 'running', cpuCores, memoryMb, interceptorUrl };
  }
}

/** Its id; undefined where the name is taken. */
async function makeBox(
  engine: Engine,
  name: string,
  settings: ReturnType<typeof boxSettings>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const make = async (): Promise<string | undefined> => {
    try {
      return (await makeContainer(engine, name, settings)).id;
    } catch (error) {
      if (statusOf(error) === 409) return undefined;
      if (statusOf(error) !== 404 || !/no such image/i.test(reasonOf(error))) throw error;
      throw new HarborError('sandbox_failed', `could not make the sandbox ${name}: ${reasonOf(error)}`, {
        cause: error,
        remedy: 'Its snapshot was removed from the engine: build the deployment again.',
      });
    }
  };
  return attempt('make the sandbox', name, make, signal);
}

/** Takes over the box of that name, whatever stage its maker left it in; undefined where it is gone. */
async function adoptBox(parts: BoxParts, request: SandboxRequest): Promise<Sandbox | undefined> {
  const { engine } = parts;
  const { name, signal } = request;
  const found = await inspectBox(engine, name);
  if (!found) return undefined;
  const labels = found.Config.Labels;
  const foreign = Object.entries(request.labels).find(([key, value]) => labels[key] !== value);
  if (labels['harbor.installation'] !== engine.installation || foreign) {
    throw new HarborError('sandbox_failed', `the name ${name} is taken by a container that serves something else`, {
      remedy: `Look at it with \`docker inspect ${name}\`, and remove it if nobody needs it.`,
    });
  }
  switch (found.State.Status) {
    case 'removing':
    case 'dead':
      await removeContainer(engine, name);
      return undefined;
    case 'paused':
      await resumeBox(engine, name);
      break;
    case 'created':
      await furnish(parts, request);
      await startBox(parts, name, signal);
      break;
    case 'exited':
      await startBox(parts, name, signal);
      break;
  }
  return { ...describeBox(parts, found), state: 'running' };
}

/** What a box holds beyond its snapshot. */
async function furnish({ engine, toolboxes }: BoxParts, request: SandboxRequest): Promise<void> {
  const { name, snapshot, signal } = request;
  for (const toolbox of request.toolboxes) await toolboxes.ensure(name, snapshotImage(snapshot), toolbox);
  const files = [{ path: `${commandRoot}/`, content: '', mode: 0o1777 }, ...request.files];
  await putArchive(engine, name, '/', await filesTar(files), signal);
}

async function startBox({ engine, networks }: BoxParts, name: string, signal: AbortSignal): Promise<void> {
  const start = async (): Promise<void> => {
    try {
      await engine.docker.getContainer(name).start();
    } catch (error) {
      // 304: another caller was faster.
      if (statusOf(error) !== 304) throw error;
    }
  };
  const startOnNetwork = async (): Promise<void> => {
    try {
      await start();
    } catch (error) {
      if (!isNetworkMissing(error)) throw error;
      await networks.restore();
      await start();
    }
  };
  await attempt('start the sandbox', name, startOnNetwork, signal);
}

/** Undefined where no sandbox of ours has that name. */
export async function findBox(parts: BoxParts, name: string): Promise<Sandbox | undefined> {
  await parts.networks.ready();
  const found = await inspectBox(parts.engine, name);
  return found?.Config.Labels['harbor.installation'] === parts.engine.installation
    ? describeBox(parts, found)
    : undefined;
}

export async function inspectBox(engine: Engine, name: string): Promise<ContainerInspectInfo | undefined> {
  return attempt('look up the sandbox', name, async () => {
    try {
      return await engine.docker.getContainer(name).inspect();
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  });
}

function describeBox({ egress }: BoxParts, found: ContainerInspectInfo): Sandbox {
  const { State: state, HostConfig: host, NetworkSettings: settings } = found;
  return {
    name: found.Name.replace(/^\//, ''),
    providerRef: found.Id,
    state: state.Paused ? 'paused' : state.Running ? 'running' : 'stopped',
    cpuCores: (host.NanoCpus ?? 0) / 1e9,
    memoryMb: (host.Memory ?? 0) / 2 ** 20,
    interceptorUrl: egress.interceptorUrl(egress.modeOf(Object.keys(settings.Networks))),
  };
}

/** A box that is frozen, or has no processes to freeze, stays as it is. */
export async function pauseBox(engine: Engine, name: string): Promise<void> {
  await attempt('pause the sandbox', name, async () => {
    try {
      await engine.docker.getContainer(name).pause();
    } catch (error) {
      if (!/is already paused|is not running/i.test(reasonOf(error))) throw error;
    }
  });
}

export async function resumeBox(engine: Engine, name: string): Promise<void> {
  await attempt('resume the sandbox', name, async () => {
    try {
      await engine.docker.getContainer(name).unpause();
    } catch (error) {
      if (!/is not paused|is not running/i.test(reasonOf(error))) throw error;
    }
  });
}

export async function destroyBox({ engine, egress }: BoxParts, name: string): Promise<void> {
  await removeContainer(engine, name);
  egress.forget(name);
}

export async function listBoxes(engine: Engine, signal: AbortSignal): Promise<readonly SandboxListing[]> {
  const listed = await attempt(
    'list the sandboxes of',
    engine.installation,
    () => engine.docker.listContainers({ all: true, filters: ownFilter(engine, 'sandbox') }),
    signal,
  );
  return listed.map(({ Names: names, Created: created, Labels: labels }) => ({
    name: (names[0] ?? '').replace(/^\//, ''),
    createdAt: new Date(created * 1000),
    labels,
  }));
}
