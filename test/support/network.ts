import { execFile } from 'node:child_process';
import type { NetConnectOpts } from 'node:net';
import { promisify } from 'node:util';
import { type Relay, startRelay } from './relay.ts';

const run = promisify(execFile);
const ip = (...args: string[]) => run('ip', args);

/** A network of its own for a process, with one wire to this machine, which can be cut. Needs root and iproute2. */
export interface Network extends AsyncDisposable {
  /** What to put before a command that shall live in it. */
  readonly enter: readonly string[];
  /** Has a bridge of that name there too, to which nothing is joined. */
  feign(bridge: string): Promise<void>;
  /** A way to a server of this machine, at this end of the wire. */
  carry(to: NetConnectOpts): Promise<Relay>;
  /** From now on no packet passes; nobody is told. */
  cut(): Promise<void>;
  mend(): Promise<void>;
}

export async function makeNetwork(): Promise<Network> {
  const held = new AsyncDisposableStack();
  const name = `harbor-t${process.pid}`;
  const [outer, inner] = [`ht${process.pid}o`, `ht${process.pid}i`];
  // Of the range for measurements, which no real network uses: four addresses for each process.
  const block = (process.pid % 16_384) * 4;
  const end = (n: number) => `198.18.${block >> 8}.${(block & 255) + n}`;
  const [here, there] = [end(1), end(2)];
  await ip('netns', 'add', name);
  held.defer(async () => void (await ip('netns', 'del', name)));
  await ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', inner, 'netns', name);
  await ip('addr', 'add', `${here}/30`, 'dev', outer);
  await ip('link', 'set', outer, 'up');
  for (const args of [
    ['addr', 'add', `${there}/30`, 'dev', inner],
    ['link', 'set', inner, 'up'],
    ['link', 'set', 'lo', 'up'],
  ]) {
    await ip('-n', name, ...args);
  }
  return {
    enter: ['ip', 'netns', 'exec', name],
    feign: async (bridge) => void (await ip('-n', name, 'link', 'add', bridge, 'type', 'bridge')),
    carry: async (to) => held.use(await startRelay(here, to)),
    cut: async () => void (await ip('-n', name, 'link', 'set', inner, 'down')),
    mend: async () => void (await ip('-n', name, 'link', 'set', inner, 'up')),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}
