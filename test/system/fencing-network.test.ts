import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { findEngine } from '../../src/embedded/engine.ts';
import { bridgesOf } from '../support/engine.ts';
import { makeNetwork, type Network } from '../support/network.ts';
import type { Relay } from '../support/relay.ts';
import { describeLateWorker } from './support/late-worker.ts';

let network: Network;
let toTemporal: Relay;

beforeAll(async () => {
  network = await makeNetwork();
});

afterAll(() => network[Symbol.asyncDispose]());

describeLateWorker('cut off the network', {
  async start(installation) {
    const { temporal, postgres, settings } = installation;
    const { engine } = await findEngine(process.env, AbortSignal.timeout(30_000));
    if (!engine) throw new Error('there is no engine');
    const { address } = engine;
    const toEngine = await network.carry('socketPath' in address ? { path: address.socketPath } : address);
    const [host = '', port] = temporal.address.split(':');
    toTemporal = await network.carry({ host, port: Number(port) });
    const toPostgres = await network.carry({ path: join(postgres.folder, '.s.PGSQL.5432') });
    const database = /\/(\w+)\?/.exec(settings['DATABASE_URL'] ?? '')?.[1];
    const wired = {
      DOCKER_HOST: `tcp://${toEngine.address}`,
      TEMPORAL_ADDRESS: toTemporal.address,
      DATABASE_URL: `postgresql://postgres@${toPostgres.address}/${database}`,
    };
    // A worker refuses to start where its engine's networks are not.
    for (const bridge of await bridgesOf(installation.id)) await network.feign(bridge);
    return installation.start('worker', wired, network.enter);
  },
  async takeAway() {
    await network.cut();
    // Else Temporal goes on to give it tasks for a minute, each of which has to be missed first.
    toTemporal.drop();
  },
  giveBack: () => network.mend(),
});
