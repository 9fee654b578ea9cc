import type { NetConnectOpts } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { findEngine } from '../../src/embedded/engine.ts';
import { bridgesOf } from '../support/engine.ts';
import { type OtherMachine, otherMachine } from '../support/other-machine.ts';
import { type Relay, startRelay } from '../support/relay.ts';
import { describeLateWorker } from './support/late-worker.ts';

const held = new AsyncDisposableStack();
let machine: OtherMachine;
let toTemporal: Relay;

beforeAll(async () => {
  machine = await otherMachine();
  held.defer(() => machine.remove());
});

afterAll(() => held.disposeAsync());

/** A way to a server of this machine for who is on the other one. */
const carry = async (to: NetConnectOpts) => held.use(await startRelay(machine.ours, to));

describeLateWorker('cut off the network', {
  async start(installation) {
    const { temporal, postgres, settings } = installation;
    const { engine } = await findEngine(process.env, AbortSignal.timeout(30_000));
    if (!engine) throw new Error('there is no engine');
    const { address } = engine;
    const toEngine = await carry('socketPath' in address ? { path: address.socketPath } : address);
    const [host = '', port] = temporal.address.split(':');
    toTemporal = await carry({ host, port: Number(port) });
    const toPostgres = await carry({ path: join(postgres.folder, '.s.PGSQL.5432') });
    const database = /\/(\w+)\?/.exec(settings['DATABASE_URL'] ?? '')?.[1];
    const wired = {
      DOCKER_HOST: `tcp://${toEngine.address}`,
      TEMPORAL_ADDRESS: toTemporal.address,
      DATABASE_URL: `postgresql://postgres@${toPostgres.address}/${database}`,
    };
    // A worker refuses to start where its engine's networks are not.
    for (const bridge of await bridgesOf(installation.id)) await machine.feign(bridge);
    return installation.start('worker', wired, machine.within);
  },
  async takeAway() {
    await machine.cut();
    // Else Temporal goes on to give it tasks for a minute, each of which has to be missed first.
    toTemporal.drop();
  },
  giveBack: () => machine.mend(),
});
