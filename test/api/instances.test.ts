import { beforeAll, describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { instanceListSchema, instancesBuildSchema, instancesCreatedSchema } from '../../src/model/instance.ts';
import { parseJson } from '../../src/model/json.ts';
import { type Answer, problemOf, useApi } from '../support/api.ts';
import { readyDeployment } from '../support/deployment.ts';

const api = useApi();
const path = (name: string, rest = '') => `/api/harbor/deployments/${name}/instances${rest}`;
const read = <T>({ status, text }: Answer, schema: z.ZodType<T>): T => {
  expect([status, text]).toEqual([200, expect.anything()]);
  return parseJson(text, schema);
};

const create = (name: string, body: object) => api().ask(path(name, '/batch'), { body });
const created = async (name: string, body: object) => read(await create(name, body), instancesCreatedSchema);
const buildAll = async (name: string) =>
  read(await api().ask(path(name, '/build-all'), { method: 'POST' }), instancesBuildSchema);
const list = async (name: string, query = '') => read(await api().ask(path(name, query)), instanceListSchema);

async function begun(name: string): Promise<string> {
  const { text } = await api().ask('/api/harbor/deployments', { body: { name, dockerfile: 'FROM scratch\n' } });
  expect(text).toContain(name);
  const row = await api().store.deployments.find('default', name);
  const [build] = row ? await api().store.deployments.builds(row.id, 1) : [];
  return build?.id ?? '';
}

describe('instances', () => {
  beforeAll(() => readyDeployment(api().store, { name: 'plain' }));

  test('are none until they are asked for', async () => {
    expect(await list('plain')).toMatchObject({ total: 0, instances: [] });
  });

  test('of a deployment that is ready are ready, the shared snapshot being all that they need', async () => {
    expect(await created('plain', { count: 3, start_seed: 5 })).toMatchObject({
      total: 3,
      created_count: 3,
      ready_count: 3,
      building_count: 0,
      failed_count: 0,
    });
    expect((await list('plain')).instances).toEqual([
      { seed: 5, status: 'ready', error: null },
      { seed: 6, status: 'ready', error: null },
      { seed: 7, status: 'ready', error: null },
    ]);
  });

  test('that are asked for again are the same ones', async () => {
    expect(await created('plain', { count: 4, start_seed: 4 })).toMatchObject({ total: 4, created_count: 1 });
    expect(await created('plain', { count: 4, start_seed: 4 })).toMatchObject({ total: 4, created_count: 0 });
  });

  test('are a hundred from 0 on where nothing else is said', async () => {
    await readyDeployment(api().store, { name: 'usual' });
    expect(await created('usual', {})).toMatchObject({ total: 100 });
    expect((await list('usual')).instances.at(-1)?.seed).toBe(99);
  });

  test('come in pages where a page is asked for', async () => {
    expect(await list('plain', '?limit=2&offset=1')).toMatchObject({
      total: 4,
      limit: 2,
      offset: 1,
      instances: [{ seed: 5 }, { seed: 6 }],
    });
  });

  test.each<[object, string, string]>([
    [{ count: 0 }, 'count', 'at least 1'],
    [{ count: 10_001 }, 'count', 'at most 10000'],
    [{ count: 1.5 }, 'count', 'whole number'],
    [{ start_seed: '1' }, 'start_seed', 'whole number'],
    [{ start_seed: 2 ** 31 }, 'start_seed', 'at most'],
    [{ start_seed: 2 ** 31 - 2, count: 3 }, 'start_seed', 'room'],
  ])('%j is refused, naming the field', async (body, field, says) => {
    const answer = await create('plain', body);
    expect(answer.status).toBe(400);
    expect(problemOf(answer)).toMatchObject({ field, detail: expect.stringContaining(says) });
  });

  test('take the last seeds that there are', async () => {
    await readyDeployment(api().store, { name: 'edge' });
    await created('edge', { start_seed: 2 ** 31 - 3, count: 2 });
    await created('edge', { start_seed: -(2 ** 31 - 1), count: 1 });
    expect((await list('edge')).instances.map(({ seed }) => seed)).toEqual([-(2 ** 31 - 1), 2 ** 31 - 3, 2 ** 31 - 2]);
  });
});

describe('an instance for which there is no task', () => {
  beforeAll(async () => {
    const settings = {
      format: 'plain',
      processes: 'kill',
      testsTimeoutSeconds: 1,
      testsEnv: {},
      sandboxEnv: {},
    } as const;
    const task = { instruction: 'Do it.', settings, testsRef: null, script: null };
    await readyDeployment(api().store, { name: 'tasks', tasks: [1, 2].map((seed) => ({ seed, ...task })) });
    await created('tasks', { count: 4 });
  });

  test('has failed, and says why', async () => {
    expect(await list('tasks')).toMatchObject({
      ready_count: 2,
      failed_count: 2,
      instances: [
        { seed: 0, status: 'failed', error: 'the deployment has no task 0' },
        { seed: 1, status: 'ready', error: null },
        { seed: 2, status: 'ready', error: null },
        { seed: 3, status: 'failed' },
      ],
    });
  });

  test.each([
    ['ready', [1, 2]],
    ['failed', [0, 3]],
    ['building', []],
  ])('is found by status: %s', async (status, seeds) => {
    expect((await list('tasks', `?status=${status}`)).instances.map(({ seed }) => seed)).toEqual(seeds);
  });
});

describe('to build them all', () => {
  test('of a deployment that is ready is to do nothing', async () => {
    await readyDeployment(api().store, { name: 'done' });
    await created('done', { count: 2 });
    expect(await buildAll('done')).toMatchObject({ build_id: null, total_instances: 2, ready_count: 2 });
  });

  test('joins the build that is under way, and answers before it is done', async () => {
    const build = await begun('under-way');
    await created('under-way', { count: 2 });
    expect(await buildAll('under-way')).toMatchObject({ build_id: build, total_instances: 2, ready_count: 0 });
    expect(await list('under-way')).toMatchObject({ pending_count: 2, instances: [{ status: 'pending' }, {}] });
  });

  test('of a deployment that failed is another try of what is stored', async () => {
    const build = await begun('failed');
    await created('failed', { count: 2 });
    await api().store.deployments.endBuild(build, { status: 'failed', errorMessage: 'no such image' });
    expect((await list('failed')).instances[0]).toMatchObject({ status: 'failed', error: 'no such image' });
    const again = await buildAll('failed');
    expect(again).toMatchObject({ pending_count: 2, failed_count: 0 });
    expect(again.build_id).not.toBe(build);
    expect((await buildAll('failed')).build_id).toBe(again.build_id);
  });
});
