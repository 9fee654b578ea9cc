import { HarborError } from '../../model/errors.ts';
import { execute } from './execute.ts';
import type { NetworkPair } from './networks.ts';

/** Whether sandboxes are kept from the ports of the engine's host, and if not, why. */
export type FirewallState = { readonly active: true } | { readonly active: false; readonly reason: string };

export interface FirewallOptions {
  readonly installation: string;
  readonly networks: NetworkPair;
  readonly interceptorPort: number;
}

/**
 * Closes the engine's host to the sandboxes: an internal network still reaches every port that is bound to 0.0.0.0.
 * What is refused fails at once. From our bridges only the interceptor on their own gateway is reached; what the closed
 * one would send further is refused too, and from the open one the link-local range of cloud metadata. Idempotent. Takes
 * root and iptables, on the machine whose bridges they are.
 */
export async function raiseFirewall(options: FirewallOptions): Promise<FirewallState> {
  const reason = await whyNot();
  if (reason !== undefined) return { active: false, reason };
  const { input, forward } = chains(options.installation);
  await iptables('iptables-restore', ['--noflush', '--wait'], rules(options));
  await hook('INPUT', input);
  await hook((await iptablesSays(['-S', 'DOCKER-USER'])) ? 'DOCKER-USER' : 'FORWARD', forward);
  return { active: true };
}

/** Takes back what {@link raiseFirewall} did. */
export async function lowerFirewall(installation: string): Promise<void> {
  if ((await whyNot()) !== undefined) return;
  const { input, forward } = chains(installation);
  for (const [parent, chain] of [
    ['INPUT', input],
    ['DOCKER-USER', forward],
    ['FORWARD', forward],
  ] as const) {
    if (await iptablesSays(['-C', parent, '-j', chain])) await iptables('iptables', ['-w', '-D', parent, '-j', chain]);
  }
  for (const chain of [input, forward]) {
    if (!(await iptablesSays(['-S', chain]))) continue;
    await iptables('iptables', ['-w', '-F', chain]);
    await iptables('iptables', ['-w', '-X', chain]);
  }
}

const chains = (installation: string): { input: string; forward: string } => ({
  input: `HARBOR-${installation.slice(0, 8)}-IN`,
  forward: `HARBOR-${installation.slice(0, 8)}-FWD`,
});

/** For iptables-restore, which replaces both chains in one step. */
export function rules({ installation, networks, interceptorPort }: FirewallOptions): string {
  const { input, forward } = chains(installation);
  const { open, closed } = networks;
  const refuse = (chain: string, match: string): string[] => [
    `-A ${chain} ${match} -p tcp -j REJECT --reject-with tcp-reset`,
    `-A ${chain} ${match} -j REJECT`,
  ];
  return [
    '*filter',
    `:${input} - [0:0]`,
    `:${forward} - [0:0]`,
    ...[open, closed].flatMap(({ bridge, gateway }) => [
      `-A ${input} -i ${bridge} -d ${gateway} -p tcp --dport ${interceptorPort} -j ACCEPT`,
      ...refuse(input, `-i ${bridge}`),
    ]),
    ...refuse(forward, `-i ${closed.bridge}`),
    ...refuse(forward, `-i ${open.bridge} -d 169.254.0.0/16`),
    'COMMIT',
    '',
  ].join('\n');
}

async function hook(parent: string, chain: string): Promise<void> {
  if (!(await iptablesSays(['-C', parent, '-j', chain]))) await iptables('iptables', ['-w', '-I', parent, '-j', chain]);
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
