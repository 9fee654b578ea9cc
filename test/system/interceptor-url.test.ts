import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readRoleInstallation } from '../../src/roles/role.ts';
import { HarborClient } from '../../src/sdk/client.ts';
import { packContext } from '../../src/sdk/pack-context.ts';
import { freePort } from '../embedded/support/temporary.ts';
import { asksOnce } from '../support/asks-once.ts';
import { removeEverything } from '../support/engine.ts';
import { type OtherMachine, otherMachine } from '../support/other-machine.ts';
import { prepareGround, type RoleGround } from '../support/postgres-roles.ts';
import { eventually, withFolder } from '../support/project.ts';
import { startTemporal, type TestTemporal } from '../support/temporal.ts';

const name = 'interceptors.harbor.test';
const apiKey = 'harbor_key-of-the-url-test';

let machine: OtherMachine;
let ground: RoleGround;
let temporal: TestTemporal;

beforeAll(async () => {
  [machine, ground, temporal] = await Promise.all([otherMachine(), prepareGround(), startTemporal()]);
}, 120_000);

afterAll(async () => {
  await temporal.stop();
  await removeEverything(readRoleInstallation({ HARBOR_SECRET: ground.secret }).id);
  await ground.remove();
  await machine.remove();
}, 120_000);

/** Words before a command for which `name` is an address: it sees a hosts file of its own in the place of this machine's. */
async function knowing(address: string): Promise<readonly string[]> {
  const hosts = join(ground.home, 'hosts');
  await mkdir(ground.home, { recursive: true });
  await writeFile(hosts, `127.0.0.1 localhost\n${address} ${name}\n`);
  return ['unshare', '--mount', 'sh', '-c', 'mount --bind "$1" /etc/hosts && shift && exec "$@"', 'sh', hosts];
}

test(
  'agents call an interceptor of another machine by its name, whatever else they may reach',
  { timeout: 240_000 },
  async () => {
    const port = await freePort();
    await ground.start(
      'interceptor',
      { HARBOR_INTERCEPTOR_PORT: String(port), HARBOR_HEALTH_HOST: machine.address },
      machine.within,
    );
    const url = `http://${name}:${port}`;
    const { address: TEMPORAL_ADDRESS } = temporal;
    await ground.start('worker', { TEMPORAL_ADDRESS, HARBOR_INTERCEPTOR_URL: url }, await knowing(machine.address));
    const api = await ground.start('api', { TEMPORAL_ADDRESS, HARBOR_API_KEY: apiKey });
    const client = new HarborClient({ url: api.url, apiKey });
    await withFolder(asksOnce.files, async (folder) => {
      await using context = await packContext(folder);
      await client.upload(asksOnce.deployment, context.file);
    });
    await eventually('the snapshot', async () => (await client.status('asks-once')).status === 'ready', 120);
    for (const agent of ['interceptor-only', 'open'] as const) {
      await client.startRollout('asks-once', { rollout_id: `with-${agent}`, env: { seed: 1 }, egress: { agent } });
      const look = async () => {
        const found = await client.rollout(`with-${agent}`);
        return found.closed_at !== null && found;
      };
      expect(await eventually(`the rollout with egress ${agent} to end`, look, 120)).toMatchObject({
        failure: null,
        reward_info: { outcome_reward: 1 },
        usage: { llm_calls: 1 },
      });
    }
  },
);
