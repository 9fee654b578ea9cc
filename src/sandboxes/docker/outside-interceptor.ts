import { lookup } from 'node:dns/promises';
import { isIPv4 } from 'node:net';
import type { EgressMode } from '../../model/egress.ts';
import { HarborError } from '../../model/errors.ts';
import type { NetworkPair } from './networks.ts';

/** Interceptors that are not on the gateways of the sandboxes' networks: behind a load balancer, or on another machine. */
export interface OutsideInterceptor {
  /** `http(s)://<host>[:<port>]`, without a path. */
  readonly url: string;
  readonly port: number;
  /** Of the host, where it is not an address itself. */
  readonly name: string | undefined;
}

export function outsideInterceptor(url: string): OutsideInterceptor {
  const { origin, protocol, hostname, port } = new URL(url);
  return {
    url: origin,
    port: Number(port || (protocol === 'https:' ? 443 : 80)),
    name: isIPv4(hostname) ? undefined : hostname,
  };
}

/** Its IPv4 address, as it is now. */
export async function addressOf({ url, name }: OutsideInterceptor): Promise<string> {
  if (name === undefined) return new URL(url).hostname;
  const address = await lookup(name, { family: 4 }).then(
    (found) => found.address,
    (error: unknown) => {
      throw unreachable(`its name ${name} has no IPv4 address now`, error);
    },
  );
  if (address.startsWith('127.')) throw unreachable(`its name ${name} stands for a loopback address, ${address}`);
  return address;
}

function unreachable(problem: string, cause?: unknown): HarborError {
  return new HarborError(
    'sandbox_failed',
    `sandboxes do not reach the interceptor of HARBOR_INTERCEPTOR_URL: ${problem}`,
    {
      cause,
      remedy: 'Give an address that this machine and its sandboxes can connect to.',
    },
  );
}

/**
 * What a sandbox of that egress is told. Without a way out it has a route to its gateway alone, where the firewall hands
 * connections on; a name stands for that gateway in its hosts file, so that certificates and virtual hosts fit.
 */
export function outsideUrl({ url, port, name }: OutsideInterceptor, mode: EgressMode, { closed }: NetworkPair): string {
  return mode === 'open' || name !== undefined ? url : `http://${closed.gateway}:${port}`;
}
