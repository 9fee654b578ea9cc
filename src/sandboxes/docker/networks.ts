import { access } from 'node:fs/promises';
import { HarborError } from '../../model/errors.ts';
import { attempt, ownFilter, ownLabels, statusOf, type Engine } from './engine.ts';

/** A bridge network of ours. On its gateway's address listens the interceptor. */
interface SandboxNetwork {
  readonly name: string;
  /** The bridge's interface on the engine's host; at most 15 characters. */
  readonly bridge: string;
  readonly subnet: string;
  readonly gateway: string;
}

/** One network for each egress mode that has one; containers on them cannot reach each other. */
export interface NetworkPair {
  readonly open: SandboxNetwork;
  /** Without a way out. */
  readonly closed: SandboxNetwork;
}

export interface Networks {
  /** Finds or makes both; asked once per process. */
  readonly ready: () => Promise<NetworkPair>;
  /** Both, once they are {@link Networks.ready}. */
  readonly current: () => NetworkPair;
  /** Makes again, at the same addresses, what `docker network prune` took while no sandbox was on it. */
  readonly restore: () => Promise<NetworkPair>;
  /** Removes both; one that a sandbox is still on stays. */
  readonly remove: () => Promise<void>;
}

type Which = keyof NetworkPair;

export function createNetworks(engine: Engine): Networks {
  let known: Promise<NetworkPair> | undefined;
  let current: NetworkPair | undefined;
  const ensure = async (before?: NetworkPair): Promise<NetworkPair> => {
    const open = await ensureNetwork(engine, 'open', before?.open);
    current = { open, closed: await ensureNetwork(engine, 'closed', before?.closed) };
    return current;
  };
  const remember = (found: Promise<NetworkPair>): Promise<NetworkPair> => {
    known = found.catch((error: unknown) => {
      known = undefined;
      throw error;
    });
    return known;
  };
  return {
    ready: () => known ?? remember(ensure()),
    current: () => {
      if (current) return current;
      throw new HarborError('internal', 'the networks of the sandboxes are asked for before the provider was started');
    },
    restore: () => remember(ensure(current)),
    remove: async () => {
      known = undefined;
      for (const which of ['open', 'closed'] as const) await removeNetwork(engine, which);
    },
  };
}

/** Names of the two that are in use. */
export const currentNetworks = (engine: Engine): readonly string[] => [
  networkName(engine, 'open'),
  networkName(engine, 'closed'),
];

const networkName = (engine: Engine, which: Which): string => `harbor-${engine.installation.slice(0, 8)}-${which}`;

async function ensureNetwork(engine: Engine, which: Which, before?: SandboxNetwork): Promise<SandboxNetwork> {
  const name = networkName(engine, which);
  const found = await findNetwork(engine, name);
  if (found) return found;
  await attempt('make a network', name, () => makeNetwork(engine, which, before));
  const made = await findNetwork(engine, name);
  if (made) return made;
  throw new HarborError('sandbox_failed', `the network ${name} was made and is not there`);
}

async function findNetwork(engine: Engine, name: string): Promise<SandboxNetwork | undefined> {
  const listed = await attempt('list networks', name, () =>
    engine.docker.listNetworks({ filters: ownFilter(engine, 'network') }),
  );
  const network = listed.find((candidate) => candidate.Name === name);
  if (!network) return undefined;
  const { Subnet: subnet, Gateway: gateway } = network.IPAM?.Config?.[0] ?? {};
  const bridge = network.Options?.['com.docker.network.bridge.name'];
  if (subnet === undefined || gateway === undefined || bridge === undefined) {
    throw new HarborError('sandbox_failed', `the network ${name} has no gateway, subnet or bridge`, {
      remedy: `Remove it with \`docker network rm ${name}\`; it is made anew.`,
    });
  }
  return { name, bridge, subnet, gateway };
}

async function makeNetwork(engine: Engine, which: Which, before: SandboxNetwork | undefined): Promise<void> {
  const options = {
    Name: networkName(engine, which),
    CheckDuplicate: true,
    Driver: 'bridge',
    Internal: which === 'closed',
    EnableIPv6: false,
    Labels: ownLabels(engine, 'network'),
    Options: {
      'com.docker.network.bridge.name': `hb${engine.installation.slice(0, 8)}${which.charAt(0)}`,
      'com.docker.network.bridge.enable_icc': 'false',
    },
    ...(before && { IPAM: { Driver: 'default', Config: [{ Subnet: before.subnet, Gateway: before.gateway }] } }),
  };
  try {
    await engine.docker.createNetwork(options);
  } catch (error) {
    // 409: another process of this installation was faster.
    if (statusOf(error) !== 409) throw error;
  }
}

/** Whether the bridges are this machine's, and so are the gateways' addresses. */
export async function isLocal({ open, closed }: NetworkPair): Promise<boolean> {
  const found = await Promise.all(
    [open, closed].map(({ bridge }) =>
      access(`/sys/class/net/${bridge}`).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.every(Boolean);
}

async function removeNetwork(engine: Engine, which: Which): Promise<void> {
  const name = networkName(engine, which);
  await attempt('remove a network', name, async () => {
    try {
      await engine.docker.getNetwork(name).remove();
    } catch (error) {
      // 404: it is gone. 403: sandboxes are on it.
      const status = statusOf(error);
      if (status !== 404 && status !== 403) throw error;
    }
  });
}
