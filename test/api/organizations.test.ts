import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { parseJson } from '../../src/model/json.ts';
import { problemOf, useApi } from '../support/api.ts';
import { readyDeployment } from '../support/deployment.ts';

const api = useApi();
let buildId = '';

beforeAll(async () => {
  const { store, ask } = api();
  const { id } = await readyDeployment(store, { name: 'ours', facts: { hasRunRollout: true } });
  buildId = (await store.deployments.builds(id, 1))[0]?.id ?? '';
  await ask('/api/harbor/deployments/ours/rollout', {
    body: { rollout_id: 'our-rollout' },
    headers: { prefer: 'respond-async' },
  });
  const ref = await store.blobs.put(Buffer.from('ours'));
  const artifact = { name: 'a.txt', contentType: 'text/plain', bytes: 4, ref };
  await store.artifacts.add({ rolloutId: 'our-rollout', attempt: 1, ...artifact, omitted: null });
});

/** Every route to something that belongs to somebody. */
const routes = (): readonly (readonly [method: string, path: string])[] => [
  ['GET', '/deployments/ours'],
  ['GET', '/deployments/ours/status'],
  ['GET', '/deployments/ours/builds'],
  ['GET', `/deployments/ours/builds/${buildId}`],
  ['GET', `/deployments/ours/builds/${buildId}/logs`],
  ['GET', `/builds/${buildId}`],
  ['GET', `/builds/${buildId}/logs`],
  ['GET', '/deployments/ours/instances'],
  ['GET', '/rollouts?deployment=ours'],
  ['GET', '/rollouts/our-rollout'],
  ['GET', '/rollouts/our-rollout/logs'],
  ['GET', '/rollouts/our-rollout/trace'],
  ['GET', '/rollouts/our-rollout/artifacts'],
  ['GET', '/rollouts/our-rollout/artifacts/1/a.txt'],
  ['POST', '/deployments/ours/build'],
  ['POST', '/deployments/ours/rollout'],
  ['POST', '/deployments/ours/instances/batch'],
  ['POST', '/deployments/ours/instances/build-all'],
  ['POST', '/rollouts/our-rollout/cancel'],
];

describe('what belongs to another organization', () => {
  test('is 404 on every route', async () => {
    for (const [method, path] of routes()) {
      const answer = await api().ask(`/api/harbor${path}`, { method, key: api().foreignKey });
      expect([method, path, answer.status, problemOf(answer).code]).toEqual([method, path, 404, 'not_found']);
    }
  });

  test('is on no list', async () => {
    for (const list of ['deployments', 'rollouts']) {
      const answer = await api().ask(`/api/harbor/${list}`, { key: api().foreignKey });
      expect(parseJson(answer.text, z.looseObject({ [list]: z.array(z.unknown()) }))).toMatchObject({ [list]: [] });
    }
  });

  test("is its owner's all the same", async () => {
    for (const [method, path] of routes().filter(([verb]) => verb === 'GET')) {
      expect([path, (await api().ask(`/api/harbor${path}`, { method })).status]).toEqual([path, 200]);
    }
  });

  test('keeps its rollout ids to itself: a repeat of one is refused', async () => {
    await readyDeployment(api().store, { name: 'theirs', facts: { hasRunRollout: true }, organization: 'foreign' });
    const answer = await api().ask('/api/harbor/deployments/theirs/rollout', {
      body: { rollout_id: 'our-rollout' },
      headers: { prefer: 'respond-async' },
      key: api().foreignKey,
    });
    expect(answer.status).toBe(409);
  });
});

test('a key that is not valid gets nowhere, also when it was sent many times', async () => {
  for (let times = 0; times < 3; times += 1) {
    expect((await api().ask('/api/harbor/deployments', { key: 'wrong-wrong-wrong-wrong' })).status).toBe(401);
  }
});
