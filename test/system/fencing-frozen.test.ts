import { afterAll } from 'vitest';
import { type Relay, startRelay } from '../support/relay.ts';
import { describeLateWorker } from './support/late-worker.ts';

let toTemporal: Relay;

afterAll(() => toTemporal[Symbol.asyncDispose]());

describeLateWorker('frozen past its timeouts', {
  async start(installation) {
    const [host = '', port] = installation.temporal.address.split(':');
    toTemporal = await startRelay('127.0.0.1', { host, port: Number(port) });
    return installation.start('worker', { TEMPORAL_ADDRESS: toTemporal.address });
  },
  async takeAway(worker) {
    worker.kill('SIGSTOP');
    // Else Temporal goes on to give it tasks for a minute, each of which has to be missed first.
    toTemporal.drop();
  },
  giveBack: async (worker) => worker.kill('SIGCONT'),
});
