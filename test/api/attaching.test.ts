import { once } from 'node:events';
import { request as openRequest } from 'node:http';
import { connect } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import fc from 'fast-check';
import { sql } from 'kysely';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { rolloutWorkflowId } from '../../src/model/ids.ts';
import { parseJson } from '../../src/model/json.ts';
import { acceptedComparisonSchema, comparisonSchema } from '../../src/model/responses.ts';
import type { RolloutRow } from '../../src/store/rollouts.ts';
import { type Answer, type TestApi, useApi } from '../support/api.ts';
import { readyDeployment } from '../support/deployment.ts';
import { eventually } from '../support/project.ts';
import { earnedOne, endRollout, roomFor, run } from '../support/rollout.ts';

const api = useApi();
/** Two processes' worth of API on one store. */
let both: readonly Pick<TestApi, 'url' | 'ask'>[];
let other: Awaited<ReturnType<TestApi['another']>>;
beforeAll(async () => {
  other = await api().another();
  both = [api(), other];
});

let count = 0;
const body = { env: { seed: 1 }, trace_correlation_id: 'the same on every run' };
const asynchronously = { prefer: 'respond-async' };
const idOf = ({ text }: Answer) => parseJson(text, z.object({ id: z.string() })).id;

interface Deployed {
  readonly id: string;
  readonly path: string;
  readonly rows: () => Promise<readonly RolloutRow[]>;
  readonly ids: () => Promise<readonly string[]>;
}

async function deployed(organization = 'default'): Promise<Deployed> {
  const { id, name } = await readyDeployment(api().store, {
    name: `env-${(count += 1)}`,
    organization,
    facts: { hasRunRollout: true },
  });
  const rows = () => api().store.rollouts.list(organization, { limit: 100, offset: 0, deploymentId: id });
  return {
    id,
    path: `/api/harbor/deployments/${name}/rollout`,
    rows,
    ids: async () => (await rows()).map((row) => row.id),
  };
}

/** A request whose socket can be broken at any time. */
function call(path: string, { url, asked = body }: { url?: string | undefined; asked?: object } = {}) {
  const outgoing = openRequest(`${url ?? api().url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${api().key}` },
    agent: false,
  });
  const answered = once(outgoing, 'response');
  answered.catch(() => {});
  const closed = new Promise<void>((resolve) => outgoing.once('close', resolve));
  outgoing.on('error', () => {});
  outgoing.end(JSON.stringify(asked));
  return {
    answered,
    async vanish() {
      outgoing.destroy();
      await closed;
    },
  };
}

const there = (env: Deployed, many = 1) =>
  eventually(`${many} rollouts`, async () => {
    const ids = await env.ids();
    return ids.length === many && ids;
  });

/** Ends all that is open of a deployment as workers would. */
async function finish(env: Deployed, result = earnedOne): Promise<void> {
  for (const { id, closedAt } of await env.rows()) {
    if (closedAt !== null) continue;
    await api().store.rollouts.admit(id, run(id), roomFor(1000));
    await endRollout(api().store, id, result);
  }
}

/** A request that vanished while its rollout was at work. */
async function abandoned(env: Deployed, asked: object = body): Promise<string> {
  const before = (await env.ids()).length;
  const first = call(env.path, { asked });
  const [id = ''] = await there(env, before + 1);
  await first.vanish();
  return id;
}

describe('a rollout request without a key that comes again', () => {
  test('after its connection broke gets the rollout that runs, by whichever process', async () => {
    const env = await deployed();
    const id = await abandoned(env);
    const repeat = both[1]?.ask(env.path, { body });
    await eventually('the repeat to be attached', () => isHeld(id));
    await finish(env);
    expect(idOf((await repeat) ?? raise())).toBe(id);
    expect(await env.ids()).toEqual([id]);
  });

  test('while the first waits for its result is one more rollout', async () => {
    const env = await deployed();
    const answers = [0, 1, 0].map((which) => both[which]?.ask(env.path, { body }) ?? raise());
    await there(env, 3);
    await finish(env);
    const ids = (await Promise.all(answers)).map(idOf);
    expect(ids.toSorted()).toEqual((await env.ids()).toSorted());
  });

  test('several times at once is attached once', async () => {
    const env = await deployed();
    const id = await abandoned(env);
    const answers = [0, 1, 1, 0].map((which) => both[which]?.ask(env.path, { body }) ?? raise());
    await there(env, 4);
    await finish(env);
    const ids = (await Promise.all(answers)).map(idOf);
    expect(ids.filter((one) => one === id)).toHaveLength(1);
    expect(new Set(ids).size).toBe(4);
  });

  test('after its result was delivered is one more rollout, however soon', async () => {
    const env = await deployed();
    const ids: string[] = [];
    for (const which of [0, 1, 0, 0]) {
      const answer = both[which]?.ask(env.path, { body }) ?? raise();
      await there(env, ids.length + 1);
      await finish(env);
      ids.push(idOf(await answer));
    }
    expect(new Set(ids).size).toBe(4);
  });

  test('after the end that nobody was there for gets the result, once', async () => {
    const env = await deployed();
    const id = await abandoned(env);
    await finish(env);
    expect(idOf(await api().ask(env.path, { body }))).toBe(id);
    const more = api().ask(env.path, { body });
    await there(env, 2);
    await finish(env);
    expect(idOf(await more)).not.toBe(id);
  });

  test('longer than a minute after such an end is one more rollout', async () => {
    const env = await deployed();
    const id = await abandoned(env);
    await finish(env);
    await sql`update rollouts set closed_at = now() - interval '61 seconds' where id = ${id}`.execute(api().store.db);
    const more = api().ask(env.path, { body });
    await there(env, 2);
    await finish(env);
    expect(idOf(await more)).not.toBe(id);
  });

  test('gets a failure, too', async () => {
    const env = await deployed();
    const id = await abandoned(env);
    await finish(env, { ...earnedOne, reward: null, failure: { class: 'agent_timeout', message: 'too slow' } });
    const answer = await api().ask(env.path, { body });
    expect([answer.status, idOf(answer)]).toEqual([424, id]);
  });

  test.each([
    ['the caller', (first: ReturnType<typeof call>) => first.vanish()],
    ['the process', async () => other.cut()],
  ])('after %s broke the connection in the midst of the answer gets the whole of it', async (_, breakOff) => {
    const env = await deployed();
    const first = call(env.path, { url: other.url });
    const [id] = await there(env);
    // More than sockets hold.
    const many = 12 * 1024 * 1024;
    await finish(env, { ...earnedOne, details: { much: 'x'.repeat(many) } });
    await first.answered;
    await breakOff(first);
    const second = await api().open(env.path, { body });
    const whole = await readText(second);
    expect(whole.slice(0, 100)).toContain(`"id":"${id}"`);
    expect(whole.length).toBeGreaterThan(many);
  });

  test('after the whole answer was read, and the connection broken, is one more rollout', async () => {
    const env = await deployed();
    const first = call(env.path);
    await there(env);
    await finish(env);
    const [response] = await first.answered;
    await response.toArray();
    await first.vanish();
    const more = api().ask(env.path, { body });
    await there(env, 2);
    await finish(env);
    expect((await more).status).toBe(200);
  });

  test('is one, wherever its connection broke before the answer, and however often', { timeout: 180_000 }, async () => {
    const json = JSON.stringify(body);
    // By its process the last one is told from those before, which may look open when they are not any more.
    const last = await api().another();
    const known = await processes();
    await last.ask((await deployed()).path, { body, headers: asynchronously });
    const [lastProcess] = (await processes()).filter((id) => !known.includes(id));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ share: fc.integer({ min: 0, max: 100 }), which: fc.integer({ min: 0, max: 1 }) }), {
          minLength: 1,
          maxLength: 4,
        }),
        async (breaks) => {
          const env = await deployed();
          const whole =
            `POST ${env.path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api().key}\r\n` +
            `content-length: ${json.length}\r\n\r\n${json}`;
          for (const { share, which } of breaks) {
            const socket = connect(Number(new URL(both[which]?.url ?? '').port), '127.0.0.1');
            await once(socket, 'connect');
            // Most of them whole: it is what comes after that is hard.
            const bytes = share < 30 ? Math.ceil((whole.length * share) / 30) : whole.length;
            await new Promise<void>((sent) => socket.write(whole.slice(0, bytes), () => sent()));
            socket.destroy();
            await once(socket, 'close');
          }
          const answer = last.ask(env.path, { body });
          const [id = ''] = await there(env);
          const isLast = async () => (await requestOf(id))?.process === lastProcess;
          await eventually('the last one to be attached', isLast);
          await finish(env);
          expect(idOf(await answer)).toBe(id);
          expect(await env.ids()).toEqual([id]);
        },
      ),
      // Where it fails, each run waits for what does not come: to shrink takes longer than the test may.
      { numRuns: 6, endOnFailure: true },
    );
  });

  test('is the same with its keys in another order', async () => {
    const env = await deployed();
    const id = await abandoned(env);
    await finish(env);
    const { env: seed, ...others } = body;
    expect(idOf(await api().ask(env.path, { body: { ...others, env: seed } }))).toBe(id);
  });

  test('starts the workflow that the first one found no Temporal for', async () => {
    const env = await deployed();
    const { ask } = await api().cutOff();
    expect((await ask(env.path, { body, headers: asynchronously })).status).toBe(503);
    const id = idOf(await api().ask(env.path, { body, headers: asynchronously }));
    expect(await env.ids()).toEqual([id]);
    const workflow = api().temporal.workflow.getHandle(rolloutWorkflowId(id));
    expect(await workflow.describe()).toMatchObject({ type: 'rollout' });
  });
});

describe('it is one more rollout', () => {
  test.each<[string, object]>([
    ['another body', { ...body, env: { seed: 2 } }],
    ['a key that Harbor does not know', { ...body, run_id: 'another' }],
    ['another trace_correlation_id', { ...body, trace_correlation_id: 'another' }],
    ['no trace_correlation_id', { env: body.env }],
    ['an id of its own', { ...body, rollout_id: 'its-own' }],
  ])('with %s', async (_, asked) => {
    const env = await deployed();
    const id = await abandoned(env);
    expect(idOf(await api().ask(env.path, { body: asked, headers: asynchronously }))).not.toBe(id);
    expect(await env.ids()).toHaveLength(2);
  });

  test('where neither names a trace_correlation_id', async () => {
    const env = await deployed();
    const id = await abandoned(env, { env: body.env });
    expect(idOf(await api().ask(env.path, { body: { env: body.env }, headers: asynchronously }))).not.toBe(id);
  });

  test('with a key', async () => {
    const env = await deployed();
    const id = await abandoned(env);
    const headers = { ...asynchronously, 'idempotency-key': 'of-this-one' };
    expect(idOf(await api().ask(env.path, { body, headers }))).not.toBe(id);
  });

  test('of another deployment, and of another organization', async () => {
    await abandoned(await deployed());
    const another = await deployed();
    const foreign = await deployed('foreign');
    await api().ask(another.path, { body, headers: asynchronously });
    await api().ask(foreign.path, { body, headers: asynchronously, key: api().foreignKey });
    expect(await another.ids()).toHaveLength(1);
    expect(await foreign.ids()).toHaveLength(1);
  });

  test('where the deployment was built anew meanwhile', async () => {
    const env = await deployed();
    const id = await abandoned(env);
    const { store } = api();
    await api().ask(env.path.replace(/rollout$/, 'build'), { body: { force: true } });
    const [build] = await store.deployments.builds(env.id, 1);
    const snapshot = { status: 'completed', snapshotName: `snapshot-of-env-${count}`, cached: false } as const;
    await store.deployments.endBuild(build?.id ?? '', snapshot);
    expect(idOf(await api().ask(env.path, { body, headers: asynchronously }))).not.toBe(id);
  });
});

describe('asynchronously', () => {
  test('a repeat of one that waited gets its rollout, and has the answer that counts', async () => {
    const env = await deployed();
    const id = await abandoned(env);
    const ask = () => api().ask(env.path, { body, headers: asynchronously });
    expect(idOf(await ask())).toBe(id);
    expect(idOf(await ask())).not.toBe(id);
  });

  test('each request that was answered is a rollout', async () => {
    const env = await deployed();
    const ask = (which: number) => both[which]?.ask(env.path, { body, headers: asynchronously }) ?? raise();
    const ids = [await ask(0), await ask(1), ...(await Promise.all([ask(0), ask(0), ask(1)]))].map(idOf);
    expect(new Set(ids).size).toBe(5);
  });
});

describe('several policies', () => {
  const policies = [{ config: { model: 'gpt-5-mini' } }, { config: { model: 'gpt-4o' } }];
  const compared = { ...body, policies };

  test('are attached together, and ended when all are', async () => {
    const env = await deployed();
    const first = call(env.path, { asked: compared });
    const ids = await there(env, 2);
    await first.vanish();
    const [one = ''] = ids;
    await api().store.rollouts.admit(one, run(one), roomFor(1000));
    await endRollout(api().store, one);
    const second = call(env.path, { asked: compared, url: both[1]?.url });
    await eventually('the repeat to be attached', () => isHeld(one.replace(/-\d$/, '')));
    await second.vanish();
    await finish(env);
    const answer = await api().ask(env.path, { body: compared });
    const { rollouts } = parseJson(answer.text, comparisonSchema);
    expect(rollouts.map(({ id }) => id)).toEqual(ids.toSorted());
    const more = await api().ask(env.path, { body: compared, headers: asynchronously });
    expect(parseJson(more.text, acceptedComparisonSchema).comparison_id).not.toBe(one.replace(/-\d$/, ''));
    expect(await env.ids()).toHaveLength(4);
  });
});

const requestOf = (id: string) =>
  api()
    .store.db.selectFrom('unkeyedRequests')
    .select(['connection', 'process'])
    .where('id', '=', id)
    .executeTakeFirst();

/** Whether a connection waits for the result of this request. */
async function isHeld(id: string): Promise<boolean> {
  const row = await requestOf(id);
  return row !== undefined && row.connection !== null;
}

/** API processes that the store has heard of. */
async function processes(): Promise<string[]> {
  return (await api().store.db.selectFrom('apiProcesses').select('id').execute()).map(({ id }) => id);
}

function raise(): never {
  throw new Error('there are two');
}
