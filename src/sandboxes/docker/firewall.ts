import { HarborError } from '../../model/errors.ts';
import { execute } from './execute.ts';
import type { NetworkPair } from './networks.ts';

/** Whether sandboxes are kept from the ports of the engine's host, and if not, why. */
export type FirewallState = { readonly active: true } | { readonly active: false; readonly reason: string };

export interface FirewallOptions {
  readonly installation: string;
  readonly networks: NetworkPair;
  readonly interceptorPort: number;
  /** Where interceptors are if not on the gateways: an IPv4 address and a port. */
  readonly outside?: { readonly address: string; readonly port: number } | undefined;
}

/**
 * Closes the engine's host to the sandboxes: an internal network still reaches every port that is bound to 0.0.0.0.
 * What is refused fails at once. From our bridges only the interceptor on their own gateway is reached; what the closed
 * one would send further is refused too, and from the open one the link-local range of cloud metadata. An interceptor
 * elsewhere is reached in its stead: what is sent to its port on the closed network's gateway, the only address that a
 * sandbox without a way out has a route to, is handed on to it. Idempotent. Takes root and iptables, on the machine whose
 * bridges they are.
 */
export async function raiseFirewall(options: FirewallOptions): Promise<FirewallState> {
  const reason = await whyNot();
  if (reason !== undefined) return { active: false, reason };
  const { input, forward, handOn, disguise } = chains(options.installation);
  await iptables('iptables-restore', ['--noflush', '--wait'], rules(options));
  await hook('filter', 'INPUT', input);
  await hook('filter', (await iptablesSays(['-S', 'DOCKER-USER'])) ? 'DOCKER-USER' : 'FORWARD', forward);
  await hook('nat', 'PREROUTING', handOn);
  await hook('nat', 'POSTROUTING', disguise);
  return { active: true };
}

/** Takes back what {@link raiseFirewall} did. */
export async function lowerFirewall(installation: string): Promise<void> {
  if ((await whyNot()) !== undefined) return;
  const { input, forward, handOn, disguise } = chains(installation);
  for (const [table, parent, chain] of [
    ['filter', 'INPUT', input],
    ['filter', 'DOCKER-USER', forward],
    ['filter', 'FORWARD', forward],
    ['nat', 'PREROUTING', handOn],
    ['nat', 'POSTROUTING', disguise],
  ] as const) {
    // More than once where several workers hooked it in at the same moment.
    while (await isHooked(table, parent, chain)) {
      await iptables('iptables', ['-w', '-t', table, '-D', parent, '-j', chain]);
    }
  }
  for (const [table, chain] of [
    ['filter', input],
    ['filter', forward],
    ['nat', handOn],
    ['nat', disguise],
  ] as const) {
    if (!(await iptablesSays(['-t', table, '-S', chain]))) continue;
    await iptables('iptables', ['-w', '-t', table, '-F', chain]);
    await iptables('iptables', ['-w', '-t', table, '-X', chain]);
  }
}

/** Two of the table `filter`, and two of `nat` that are empty where interceptors are on the gateways. */
function chains(installation: string) {
  const name = (what: string): string => `HARBOR-${installation.slice(0, 8)}-${what}`;
  return { input: name('IN'), forward: name('FWD'), handOn: name('DNAT'), disguise: name('SNAT') };
}

/** For iptables-restore, which replaces all chains of a table in one step. */
export function rules(options: FirewallOptions): string {
  return [...filterRules(options), ...natRules(options), ''].join('\n');
}

function filterRules({ installation, networks, interceptorPort, outside }: FirewallOptions): string[] {
  const { input, forward } = chains(installation);
  const { open, closed } = networks;
  const refuse = (chain: string, match: string): string[] => [
    `-A ${chain} ${match} -p tcp -j REJECT --reject-with tcp-reset`,
    `-A ${chain} ${match} -j REJECT`,
  ];
  const bridges = [open, closed].map(({ bridge }) => bridge);
  return [
    '*filter',
    `:${input} - [0:0]`,
    `:${forward} - [0:0]`,
    ...[open, closed].flatMap(({ bridge, gateway }) => {
      // An address of this machine, too, may be that of a load balancer.
      const { address, port } = outside ?? { address: gateway, port: interceptorPort };
      return [
        `-A ${input} -i ${bridge} -d ${address} -p tcp --dport ${port} -j ACCEPT`,
        ...refuse(input, `-i ${bridge}`),
      ];
    }),
    ...(outside ? bridges.flatMap((bridge) => passage(forward, bridge, outside)) : []),
    ...refuse(forward, `-i ${closed.bridge}`),
    ...refuse(forward, `-i ${open.bridge} -d 169.254.0.0/16`),
    'COMMIT',
  ];
}

type Outside = NonNullable<FirewallOptions['outside']>;

/** Both ways: the engine's own rules, which come after ours, keep an internal network's replies out as well. */
const passage = (chain: string, bridge: string, { address, port }: Outside): string[] => [
  `-A ${chain} -i ${bridge} -d ${address} -p tcp --dport ${port} -j ACCEPT`,
  `-A ${chain} -o ${bridge} -s ${address} -p tcp --sport ${port} -m conntrack --ctstate ESTABLISHED -j ACCEPT`,
];

function natRules({ installation, networks, outside }: FirewallOptions): string[] {
  const { handOn, disguise } = chains(installation);
  const { open, closed } = networks;
  const handedOn = ({ address, port }: Outside): string[] => [
    ...[open, closed].map(
      ({ bridge }) =>
        `-A ${handOn} -i ${bridge} -d ${closed.gateway} -p tcp --dport ${port} -j DNAT --to-destination ${address}:${port}`,
    ),
    `-A ${disguise} -s ${closed.subnet} -d ${address} -p tcp --dport ${port} -j MASQUERADE`,
  ];
  return ['*nat', `:${handOn} - [0:0]`, `:${disguise} - [0:0]`, ...(outside ? handedOn(outside) : []), 'COMMIT'];
}

type Table = 'filter' | 'nat';

const isHooked = (table: Table, parent: string, chain: string): Promise<boolean> =>
  iptablesSays(['-t', table, '-C', parent, '-j', chain]);

async function hook(table: Table, parent: string, chain: string): Promise<void> {
  if (await isHooked(table, parent, chain)) return;
  await iptables('iptables', ['-w', '-t', table, '-I', parent, '-j', chain]);
}

async function whyNot(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'Harbor does not run as root';
  const found = await execute('iptables', ['--version']).catch(() => undefined);
  return found?.code === 0 ? undefined : 'iptables is not installed';
}

const iptablesSays = async (args: readonly string[]): Promise<boolean> =>
  (await execute('iptables', ['-w', ...args])).code === 0;

async function iptables(program: string, args: readonly string[], input = ''): Promise<void> {
  const { code, errors } = await execute(program, args, input);
  if (code === 0) return;
  throw new HarborError('internal', `${program} ${args.join(' ')} failed: ${errors.trim()}`, {
    remedy: 'Look whether another program holds the firewall; `harbor doctor` shows what is in force.',
  });
}
