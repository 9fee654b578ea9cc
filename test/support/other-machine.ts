import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ip = (...args: string[]) => run('ip', args);

/** To this machine what another one is: a network of its own, at the other end of a cable. */
export interface OtherMachine {
  readonly address: string;
  readonly secondAddress: string;
  /** This machine's address on the cable. */
  readonly ours: string;
  /** Words before a command that is to run over there; files are this machine's. */
  readonly within: readonly string[];
  /** Has a bridge of that name over there too, to which nothing is joined. */
  feign(bridge: string): Promise<void>;
  /** From now on no packet passes the cable; nobody is told. */
  cut(): Promise<void>;
  mend(): Promise<void>;
  remove(): Promise<void>;
}

/** Takes root and iproute2. Addresses are of the range for benchmarks, 198.18.0.0/15. */
export async function otherMachine(): Promise<OtherMachine> {
  const [third = 0, block = 0] = randomBytes(2);
  const last = (block % 32) * 8;
  const numbered = (n: number) => `198.18.${third}.${last + n}`;
  const [ours, address, secondAddress] = [numbered(1), numbered(2), numbered(3)];
  const name = `hbt${randomBytes(4).toString('hex')}`;
  const [near, far] = [`${name}a`, `${name}b`];
  await ip('netns', 'add', name);
  await ip('link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', name);
  await ip('address', 'add', `${ours}/29`, 'dev', near);
  await ip('link', 'set', near, 'up');
  for (const one of [address, secondAddress]) await ip('-n', name, 'address', 'add', `${one}/29`, 'dev', far);
  for (const device of ['lo', far]) await ip('-n', name, 'link', 'set', device, 'up');
  return {
    address,
    secondAddress,
    ours,
    within: ['ip', 'netns', 'exec', name],
    feign: async (bridge) => void (await ip('-n', name, 'link', 'add', bridge, 'type', 'bridge')),
    cut: async () => void (await ip('-n', name, 'link', 'set', far, 'down')),
    mend: async () => void (await ip('-n', name, 'link', 'set', far, 'up')),
    // The cable goes with its end.
    remove: async () => void (await ip('netns', 'delete', name)),
  };
}
