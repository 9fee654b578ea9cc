import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { parseJson } from '../../src/model/json.ts';
import { buildSchema, deploymentListSchema, deploymentStatusSchema } from '../../src/model/deployment-responses.ts';
import { rolloutListSchema } from '../../src/model/responses.ts';
import { useApi } from '../support/api.ts';
import { readyDeployment } from '../support/deployment.ts';

const api = useApi();
const root = '/api/harbor';

beforeAll(async () => {
  const { store, ask } = api();
  for (const name of ['one', 'two', 'three']) await readyDeployment(store, { name, facts: { hasRunRollout: true } });
  const three = await store.deployments.find('default', 'three');
  if (!three) throw new Error('three vanished');
  for (const message of ['first', 'second']) {
    const { buildId } = await store.deployments.rebuild(three, {}, true);
    await store.deployments.endBuild(buildId, { status: 'failed', errorMessage: message });
  }
  for (const seed of [1, 2, 3]) {
    const body = { rollout_id: `seed-${seed}`, env: { seed } };
    await ask(`${root}/deployments/one/rollout`, { body, headers: { prefer: 'respond-async' } });
  }
});

async function get<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  return parseJson((await api().ask(`${root}${path}`)).text, schema);
}

describe('deployments', () => {
  const names = async (query: string) =>
    (await get(`/deployments${query}`, deploymentListSchema)).deployments.map(({ name }) => name);

  test('come newest first, in pages', async () => {
    expect(await names('')).toEqual(['three', 'two', 'one']);
    expect(await names('?limit=2&offset=0')).toEqual(['three', 'two']);
    expect(await names('?limit=2&offset=2')).toEqual(['one']);
    expect(await names('?limit=2&offset=9')).toEqual([]);
  });

  test('come by status and by name', async () => {
    expect(await names('?status=failed')).toEqual(['three']);
    expect(await names('?status=ready')).toEqual(['two', 'one']);
    expect(await names('?name=two')).toEqual(['two']);
  });

  test('tell with what the page was asked for', async () => {
    expect(await get('/deployments?limit=2&offset=1', deploymentListSchema)).toMatchObject({ limit: 2, offset: 1 });
  });
});

describe('builds', () => {
  const pageSchema = z.object({ builds: z.array(buildSchema), limit: z.int(), offset: z.int() });
  const generations = async (query: string) =>
    (await get(`/deployments/three/builds${query}`, pageSchema)).builds.map(({ generation }) => generation);

  test('come newest first, in pages', async () => {
    expect(await generations('')).toEqual([3, 2, 1]);
    expect(await generations('?limit=1')).toEqual([3]);
    expect(await generations('?limit=2&offset=1')).toEqual([2, 1]);
    expect(await generations('?offset=3')).toEqual([]);
  });

  test('are found by their id alone, too', async () => {
    const [build] = (await get('/deployments/three/builds', pageSchema)).builds;
    expect(await get(`/builds/${build?.id}`, buildSchema)).toEqual(build);
    expect(await get(`/deployments/three/builds/${build?.id}`, buildSchema)).toEqual(build);
  });

  test('are not those of another deployment', async () => {
    const [build] = (await get('/deployments/three/builds', pageSchema)).builds;
    expect((await api().ask(`${root}/deployments/one/builds/${build?.id}`)).status).toBe(404);
  });

  test('that failed say why, in the deployment and in the newest build', async () => {
    const status = await get('/deployments/three/status', deploymentStatusSchema);
    expect(status).toMatchObject({ status: 'failed', error: 'second' });
    expect(status.builds[0]).toMatchObject({ status: 'failed', error_message: 'second' });
  });
});

describe('rollouts', () => {
  const ids = async (query: string) => (await get(`/rollouts${query}`, rolloutListSchema)).rollouts.map(({ id }) => id);

  test('come newest first, in pages', async () => {
    expect(await ids('')).toEqual(['seed-3', 'seed-2', 'seed-1']);
    expect(await ids('?limit=1&offset=1')).toEqual(['seed-2']);
  });

  test('come by deployment and by status', async () => {
    expect(await ids('?deployment=one&status=queued')).toHaveLength(3);
    expect(await ids('?deployment=two')).toEqual([]);
    expect(await ids('?status=completed')).toEqual([]);
  });

  test('of a deployment that is not there are 404', async () => {
    expect((await api().ask(`${root}/rollouts?deployment=nowhere`)).status).toBe(404);
  });
});
