import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HarborClient } from '../../src/sdk/client.ts';
import { reconnecting } from '../../src/sdk/reconnecting.ts';
import { resumingEvents } from '../../src/sdk/events.ts';
import { readyDeployment } from '../support/deployment.ts';
import { prepareGround, type RoleGround } from '../support/postgres-roles.ts';
import { eventually } from '../support/project.ts';
import type { RoleProcess } from '../support/roles.ts';
import { endRollout } from '../support/rollout.ts';
import { startTemporal, type TestTemporal } from '../support/temporal.ts';

const apiKey = `harbor_${randomBytes(12).toString('hex')}`;
let ground: RoleGround;
let temporal: TestTemporal;

beforeAll(async () => {
  [ground, temporal] = await Promise.all([prepareGround(), startTemporal()]);
  await readyDeployment(ground.store, { name: 'drained', body: { entrypoint: '/app/run.sh' } });
}, 300_000);

afterAll(async () => {
  await temporal.stop();
  await ground.remove();
}, 300_000);

const settings = () => ({ TEMPORAL_ADDRESS: temporal.address, HARBOR_API_KEY: apiKey });
const clientOf = ({ url }: RoleProcess) => new HarborClient({ url, apiKey });
const post = ({ url }: RoleProcess, id: string, key?: string) =>
  fetch(`${url}/api/harbor/deployments/drained/rollout`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${apiKey}`,
      ...(key && { 'idempotency-key': key }),
    },
    body: JSON.stringify(key ? { env: { seed: 1 } } : { rollout_id: id, env: { seed: 1 } }),
  });

test(
  'an api that shall end answers who waits, hands over who listens, and takes nothing new',
  { timeout: 120_000 },
  async () => {
    const leaving = await ground.start('api', { ...settings(), HARBOR_DRAIN_PAUSE_S: '2' });
    const staying = await ground.start('api', settings());
    const waiting = post(leaving, 'waited-for');
    const client = await eventually('the rollout', async () => {
      const found = await clientOf(staying)
        .rollout('waited-for')
        .catch(() => undefined);
      return found && clientOf(staying);
    });
    // Of a rollout that is listened to at the one that leaves, and at the other from where it stopped.
    const open = (after: number) => clientOf(hasLeft ? staying : leaving).events('waited-for', { after });
    let hasLeft = false;
    const seen: number[] = [];
    const listening = (async () => {
      for await (const { seq } of resumingEvents(open, reconnecting({ onOutage: () => (hasLeft = true) })))
        seen.push(seq);
    })();
    await eventually('the first event', async () => seen.length > 0);

    leaving.kill('SIGTERM');
    await eventually('it to be not ready', async () => (await fetch(`${leaving.url}/readyz`)).status === 503);
    const served = await fetch(leaving.url);
    expect([served.status, served.headers.get('connection')]).toEqual([200, 'close']);
    await eventually('the listener to be handed over', async () => hasLeft);
    await expect(fetch(leaving.url)).rejects.toThrow('fetch failed');
    await endRollout(ground.store, 'waited-for');
    const answer = await waiting;
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ id: 'waited-for', reward_info: { outcome_reward: 1 } });
    await listening;
    expect(seen).toEqual(seen.map((_, n) => n + 1));
    expect(await leaving.ended).toBe(0);
    expect(await client.rollout('waited-for')).toMatchObject({ status: 'completed' });
  },
);

test(
  'an api whose time is up cuts who waits, and a repeat under the key finds the rollout',
  { timeout: 120_000 },
  async () => {
    const leaving = await ground.start('api', { ...settings(), HARBOR_DRAIN_GRACE_S: '0' });
    const staying = await ground.start('api', settings());
    const waiting = post(leaving, '', 'drain-key').then(
      ({ status }) => status,
      () => 'cut',
    );
    const listed = async () => (await clientOf(staying).rollouts({ deployment: 'drained', status: 'queued' }))[0];
    const rollout = await eventually('the rollout', listed);
    leaving.kill('SIGTERM');
    expect(await waiting).toBe('cut');
    expect(await leaving.ended).toBe(0);
    const repeated = post(staying, '', 'drain-key');
    await endRollout(ground.store, rollout.id);
    expect(await (await repeated).json()).toMatchObject({ id: rollout.id });
  },
);
