import { once } from 'node:events';
import { connect } from 'node:net';
import fc from 'fast-check';
import { sql } from 'kysely';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { deploymentWorkflowId, rolloutWorkflowId } from '../../src/model/ids.ts';
import { parseJson } from '../../src/model/json.ts';
import { type Answer, type Ask, problemOf, type TestApi, useApi } from '../support/api.ts';
import { readyDeployment } from '../support/deployment.ts';
import { file, tarGz } from './intake/archives.ts';

const api = useApi();
const deployments = '/api/harbor/deployments';
const dockerfile = 'FROM debian:bookworm-slim\n';
const context = tarGz([file('a.txt', 'a')]).toString('base64');
let count = 0;

/** A key, and the name of a deployment, that no other test has. */
const fresh = (what: string) => `${what}-${(count += 1)}`;
const asked = (path: string, key: string, ask: Ask = {}, { ask: send }: Pick<TestApi, 'ask'> = api()) =>
  send(path, { method: 'POST', ...ask, headers: { 'idempotency-key': key, prefer: 'respond-async' } });
const idOf = ({ text }: Answer) => parseJson(text, z.object({ id: z.string() })).id;
const buildOf = ({ text }: Answer) => parseJson(text, z.object({ build_id: z.string().nullable() })).build_id;
const rowOf = async (name: string) => {
  const row = await api().store.deployments.find('default', name);
  if (!row) throw new Error(`${name} is not there`);
  return row;
};

async function ready(): Promise<{ readonly path: string; readonly rollouts: () => Promise<readonly string[]> }> {
  const { id, name, organization } = await readyDeployment(api().store, {
    name: fresh('env'),
    facts: { hasRunRollout: true },
  });
  return {
    path: `${deployments}/${name}/rollout`,
    async rollouts() {
      const rows = await api().store.rollouts.list(organization, { limit: 100, offset: 0, deploymentId: id });
      return rows.map((row) => row.id);
    },
  };
}

describe('a rollout that is asked for with a key', () => {
  test('is one, however often and at once it is asked for', async () => {
    const { path, rollouts } = await ready();
    const key = fresh('key');
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => asked(path, key, { body: { env: { seed: 1 } } })),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
    expect([...new Set(answers.map(idOf))]).toEqual(await rollouts());
  });

  test('is another one under another key, in another organization, and without one', async () => {
    const { path, rollouts } = await ready();
    const body = { env: { seed: 1 } };
    const key = fresh('key');
    await asked(path, key, { body });
    await asked(path, fresh('key'), { body });
    await api().ask(path, { body, headers: { prefer: 'respond-async' } });
    await api().ask(path, { body, headers: { prefer: 'respond-async' } });
    expect(await rollouts()).toHaveLength(4);
    const foreign = await readyDeployment(api().store, {
      name: fresh('env'),
      organization: 'foreign',
      facts: { hasRunRollout: true },
    });
    const answer = await asked(`${deployments}/${foreign.name}/rollout`, key, { body, key: api().foreignKey });
    expect(await api().store.rollouts.find(idOf(answer))).toMatchObject({ organization: 'foreign' });
  });

  test('keeps the id that its caller chose', async () => {
    const { path } = await ready();
    const body = { rollout_id: fresh('mine') };
    expect(idOf(await asked(path, fresh('key'), { body }))).toBe(body.rollout_id);
  });

  test('of several policies is one for each', async () => {
    const { path, rollouts } = await ready();
    const body = { policies: [{ config: { model: 'gpt-5-mini' } }, { config: { model: 'gpt-4o' } }] };
    const key = fresh('key');
    const [first, second] = [await asked(path, key, { body }), await asked(path, key, { body })];
    expect(first.status).toBe(202);
    expect(second.text).toBe(first.text);
    expect(await rollouts()).toHaveLength(2);
  });

  test('is started by the repeat where the first found no Temporal', async () => {
    const { path, rollouts } = await ready();
    const key = fresh('key');
    expect((await asked(path, key, {}, await api().cutOff())).status).toBe(503);
    const id = idOf(await asked(path, key));
    expect(await rollouts()).toEqual([id]);
    expect(await api().temporal.workflow.getHandle(rolloutWorkflowId(id)).describe()).toMatchObject({
      type: 'rollout',
    });
  });

  test('by the global route is the same for its repeat', async () => {
    const { path, rollouts } = await ready();
    const body = { deployment_id: path.split('/')[4], trace_correlation_id: 'any', seed: 1 };
    const key = fresh('key');
    const answers = [
      await asked('/api/harbor/rollout', key, { body }),
      await asked('/api/harbor/rollout', key, { body }),
    ];
    expect(answers.map(idOf)).toEqual([...(await rollouts()), ...(await rollouts())]);
  });

  test('is one wherever the connection broke before', async () => {
    const { path, rollouts } = await ready();
    const body = JSON.stringify({ env: { seed: 1 }, trace_correlation_id: 'broken' });
    const head = (key: string) =>
      `POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api().key}\r\nprefer: respond-async\r\n` +
      `idempotency-key: ${key}\r\ncontent-length: ${body.length}\r\n\r\n`;
    const whole = head('key-00000').length + body.length;
    let before = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: whole }), { minLength: 1, maxLength: 3 }), async (breaks) => {
        const key = `broken-${(count += 1)}`;
        for (const bytes of [...breaks, whole + 10]) await vanish(`${head(key)}${body}`.slice(0, bytes));
        const id = idOf(await asked(path, key, { body }));
        const after = await rollouts();
        expect(after).toContain(id);
        expect(after).toHaveLength((before += 1));
      }),
      { numRuns: 15 },
    );
  });

  /** Sends so much and hangs up, without a look at any answer. */
  async function vanish(bytes: string): Promise<void> {
    const socket = connect(Number(new URL(api().url).port), '127.0.0.1');
    await once(socket, 'connect');
    await new Promise<void>((sent) => socket.write(bytes, () => sent()));
    socket.destroy();
    await once(socket, 'close');
  }
});

describe('a key', () => {
  test.each<[string, string, object]>([
    ['another body', 'rollout', { body: { env: { seed: 2 } } }],
    ['another path', 'instances/batch', { body: { env: { seed: 1 } } }],
    ['a path that reads no body', 'instances/build-all', {}],
  ])('with %s is refused by name, and does nothing', async (_, path, ask) => {
    const { path: first, rollouts } = await ready();
    const key = fresh('key');
    await asked(first, key, { body: { env: { seed: 1 } } });
    const answer = await asked(first.replace(/rollout$/, path), key, ask);
    expect(answer.status).toBe(409);
    expect(problemOf(answer)).toMatchObject({ code: 'conflict', field: 'Idempotency-Key' });
    expect(problemOf(answer).detail).toContain(key);
    expect(await rollouts()).toHaveLength(1);
  });

  test.each([
    ['a blank', 'a b'],
    ['nothing', ''],
    ['too much', 'x'.repeat(256)],
    ['what is no ASCII', 'ä'],
  ])('of %s is 400', async (_, key) => {
    const { path, rollouts } = await ready();
    const answer = await asked(path, key);
    expect(answer.status).toBe(400);
    expect(problemOf(answer)).toMatchObject({ code: 'invalid_request', field: 'Idempotency-Key' });
    expect(await rollouts()).toEqual([]);
  });

  test('is free for another request after a day', async () => {
    const { path, rollouts } = await ready();
    const key = fresh('key');
    await asked(path, key, { body: { env: { seed: 1 } } });
    await age(key, '23 hours 59 minutes');
    expect((await asked(path, key, { body: { env: { seed: 2 } } })).status).toBe(409);
    await age(key, '24 hours 1 minute');
    expect((await asked(path, key, { body: { env: { seed: 2 } } })).status).toBe(202);
    expect(await rollouts()).toHaveLength(2);
  });

  test('of a request that does not fit its schema is still free', async () => {
    const { path } = await ready();
    const key = fresh('key');
    expect((await asked(path, key, { body: { env: { seed: 'one' } } })).status).toBe(400);
    expect((await asked(path, key, { body: { env: { seed: 1 } } })).status).toBe(202);
  });

  async function age(key: string, interval: string): Promise<void> {
    await sql`update idempotency_keys set created_at = now() - ${interval}::interval where key = ${key}`.execute(
      api().store.db,
    );
  }
});

describe('an upload with a key', () => {
  test('makes one deployment, however often and at once it is sent', async () => {
    const body = { name: fresh('uploaded'), dockerfile, context_tar_base64: context };
    const key = fresh('key');
    const answers = await Promise.all(Array.from({ length: 5 }, () => asked(deployments, key, { body })));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(new Set(answers.map(idOf)).size).toBe(1);
    expect(await rowOf(body.name)).toMatchObject({ generation: 1 });
    expect((await api().ask(deployments, { body })).status).toBe(409);
  });

  test('with another archive is refused', async () => {
    const body = { name: fresh('uploaded'), dockerfile, context_tar_base64: context };
    const key = fresh('key');
    await asked(deployments, key, { body });
    const other = tarGz([file('a.txt', 'b')]).toString('base64');
    const answer = await asked(deployments, key, { body: { ...body, context_tar_base64: other } });
    expect(problemOf(answer)).toMatchObject({ code: 'conflict', field: 'Idempotency-Key' });
  });

  test('has its build started by the repeat where the first found no Temporal', async () => {
    const body = { name: fresh('uploaded'), dockerfile };
    const key = fresh('key');
    expect((await asked(deployments, key, { body }, await api().cutOff())).status).toBe(503);
    expect((await asked(deployments, key, { body })).status).toBe(200);
    const row = await rowOf(body.name);
    expect(row).toMatchObject({ status: 'pending', generation: 1 });
    const workflow = api().temporal.workflow.getHandle(deploymentWorkflowId('default', body.name, 1));
    expect(await workflow.describe()).toMatchObject({ type: 'deployment' });
  });

  test('that replaces a failed one does so once', async () => {
    const body = { name: fresh('uploaded'), dockerfile };
    await api().ask(deployments, { body });
    await failNewest(body.name);
    const key = fresh('key');
    await asked(deployments, key, { body });
    await failNewest(body.name);
    await asked(deployments, key, { body });
    expect(await rowOf(body.name)).toMatchObject({ generation: 2, status: 'failed' });
  });
});

describe('a build with a key', () => {
  let name: string;
  let path: string;
  beforeAll(async () => {
    ({ name } = await readyDeployment(api().store, { name: fresh('built') }));
    path = `${deployments}/${name}/build`;
  });

  test('is one, also when another came after it', async () => {
    const key = fresh('key');
    const body = { force: true };
    const answers = await Promise.all([1, 2, 3].map(() => asked(path, key, { body })));
    const { generation } = await rowOf(name);
    await api().ask(path, { body });
    answers.push(await asked(path, key, { body }));
    expect(new Set(answers.map(buildOf)).size).toBe(1);
    expect(await rowOf(name)).toMatchObject({ generation: generation + 1 });
  });

  test.each(['build', 'instances/build-all'])('that joined another one by /%s stays with it', async (route) => {
    const running = buildOf(await api().ask(path, { body: { force: true } }));
    const key = fresh('key');
    const joining = `${deployments}/${name}/${route}`;
    expect(buildOf(await asked(joining, key))).toBe(running);
    await failNewest(name);
    expect(buildOf(await asked(joining, key))).toBe(running);
    expect(await rowOf(name)).toMatchObject({ status: 'failed' });
  });
});

async function failNewest(name: string): Promise<void> {
  const [latest] = await api().store.deployments.builds((await rowOf(name)).id, 1);
  if (!latest) throw new Error(`${name} has no build`);
  await api().store.deployments.endBuild(latest.id, { status: 'failed', errorMessage: 'on purpose' });
}
