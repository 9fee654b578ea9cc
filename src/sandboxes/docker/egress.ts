import type { EgressMode } from '../../model/egress.ts';
import { HarborError } from '../../model/errors.ts';
import { attempt, reasonOf, statusOf, type Engine } from './engine.ts';
import type { NetworkPair, Networks } from './networks.ts';
import { type OutsideInterceptor, outsideUrl } from './outside-interceptor.ts';

/** Which networks sandboxes are on, and the changes of it. */
export interface Egress {
  /** The network for the engine's `NetworkMode` when a sandbox is made. */
  readonly networkFor: (mode: EgressMode) => Promise<string>;
  /** Remembers what a sandbox was made with, so that the first change need not ask. */
  readonly made: (sandbox: string, network: string) => void;
  readonly set: (sandbox: string, mode: EgressMode) => Promise<void>;
  readonly forget: (sandbox: string) => void;
  /** `http(s)://<host>[:<port>]` of the interceptor for a sandbox of that mode; without a network, where it would be. */
  readonly interceptorUrl: (mode: EgressMode) => string;
  /** Lines of a sandbox's hosts file, as `name:address`. */
  readonly hosts: () => readonly string[];
  /** The mode of a sandbox that is on these networks. */
  readonly modeOf: (attached: readonly string[]) => EgressMode;
}

/** Where sandboxes reach the interceptor: on a port of their gateway, or elsewhere. */
export interface InterceptorPlace {
  readonly port: number;
  readonly outside: OutsideInterceptor | undefined;
  /** Whether the firewall is up, which alone leads from the closed network to one that is outside. */
  readonly isHandedOn: () => boolean;
}

export function createEgress(engine: Engine, networks: Networks, place: InterceptorPlace): Egress {
  const { outside, isHandedOn } = place;
  /** Networks that a sandbox is on; the engine's own `none` is one of them. */
  const attached = new Map<string, readonly string[]>();

  const targetFor = async (mode: EgressMode): Promise<string | undefined> => {
    if (mode === 'interceptor-only' && outside && !isHandedOn()) throw noWay(outside);
    return targetOf(mode, await networks.ready());
  };

  const networkFor = async (mode: EgressMode): Promise<string> => (await targetFor(mode)) ?? 'none';

  const set = async (sandbox: string, mode: EgressMode): Promise<void> => {
    const target = await targetFor(mode);
    const current = attached.get(sandbox) ?? (await attachedNetworks(engine, sandbox));
    attached.delete(sandbox);
    // The engine's `none` suffers no other network beside it and does no harm alone.
    const leaving = current.filter((network) => network !== target && (target !== undefined || network !== 'none'));
    for (const network of leaving) await disconnect(engine, network, sandbox);
    if (target !== undefined && !current.includes(target)) await connect(engine, networks, target, sandbox);
    attached.set(sandbox, target === undefined ? current.filter((network) => network === 'none') : [target]);
  };

  const interceptorUrl = (mode: EgressMode): string => {
    const { open, closed } = networks.current();
    if (outside) return outsideUrl(outside, mode, { open, closed });
    return `http://${mode === 'open' ? open.gateway : closed.gateway}:${place.port}`;
  };

  const hosts = (): readonly string[] =>
    outside?.name !== undefined && isHandedOn() ? [`${outside.name}:${networks.current().closed.gateway}`] : [];

  const modeOf = (on: readonly string[]): EgressMode => {
    const { open, closed } = networks.current();
    if (on.includes(open.name)) return 'open';
    return on.includes(closed.name) ? 'interceptor-only' : 'none';
  };

  return {
    networkFor,
    made: (sandbox, network) => void attached.set(sandbox, [network]),
    set,
    forget: (sandbox) => void attached.delete(sandbox),
    interceptorUrl,
    hosts,
    modeOf,
  };
}

function noWay({ url }: OutsideInterceptor): HarborError {
  return new HarborError('sandbox_failed', `a sandbox with egress interceptor-only cannot reach ${url}`, {
    remedy:
      'Run the worker as root, with iptables; or put interceptors on this machine and unset HARBOR_INTERCEPTOR_URL.',
  });
}

function targetOf(mode: EgressMode, { open, closed }: NetworkPair): string | undefined {
  if (mode === 'none') return undefined;
  return mode === 'open' ? open.name : closed.name;
}

async function attachedNetworks(engine: Engine, sandbox: string): Promise<readonly string[]> {
  const { NetworkSettings: settings } = await attempt('look up the networks of the sandbox', sandbox, () =>
    engine.docker.getContainer(sandbox).inspect(),
  );
  return Object.keys(settings.Networks);
}

async function disconnect(engine: Engine, network: string, sandbox: string): Promise<void> {
  await attempt('cut the network of the sandbox', sandbox, async () => {
    try {
      await engine.docker.getNetwork(network).disconnect({ Container: sandbox });
    } catch (error) {
      if (!/is not connected to/i.test(reasonOf(error))) throw error;
    }
  });
}

async function connect(engine: Engine, networks: Networks, network: string, sandbox: string): Promise<void> {
  const join = async (): Promise<void> => {
    try {
      await engine.docker.getNetwork(network).connect({ Container: sandbox });
    } catch (error) {
      if (!/already exists in network/i.test(reasonOf(error))) throw error;
    }
  };
  await attempt('connect the sandbox to its network', sandbox, async () => {
    try {
      await join();
    } catch (error) {
      if (!isNetworkMissing(error)) throw error;
      await networks.restore();
      await join();
    }
  });
}

/** Whether the engine lacks a network, which `docker network prune` takes when no sandbox is on it. */
export const isNetworkMissing = (error: unknown): boolean =>
  statusOf(error) === 404 && /network .* not found|no such network/i.test(reasonOf(error));
