import { beforeAll, describe, expect, test } from 'vitest';
import { eventListSchema, eventSchema } from '../../src/model/event-responses.ts';
import { parseJson } from '../../src/model/json.ts';
import { parseEvents } from '../../src/sdk/events.ts';
import { problemOf, useApi } from '../support/api.ts';
import { readyDeployment } from '../support/deployment.ts';
import { endRollout, roomFor, run } from '../support/rollout.ts';

const api = useApi();
beforeAll(async () => {
  await readyDeployment(api().store, { name: 'env', facts: { hasRunRollout: true } });
});

let count = 0;
/** A rollout that is at work: three events so far. */
async function atWork(): Promise<string> {
  count += 1;
  const id = `e${count}`;
  const headers = { prefer: 'respond-async' };
  await api().ask('/api/harbor/deployments/env/rollout', { body: { rollout_id: id }, headers });
  await api().store.rollouts.admit(id, run('run'), roomFor(1000));
  await api().store.rollouts.enter(id, 'run', 'running', 1);
  return id;
}

const say = (id: string, message: string) =>
  api().store.events.append(id, [{ key: message, attempt: 1, content: { type: 'notice', message } }]);
const path = (id: string, query = '') => `/api/harbor/rollouts/${id}/events${query}`;
const opened = async (id: string, query = '', headers = {}) =>
  parseEvents(await api().open(path(id, query), { headers }), eventSchema);
const take = async <T>(events: AsyncGenerator<T>, many: number): Promise<T[]> => {
  const taken: T[] = [];
  while (taken.length < many) {
    const { value, done } = await events.next();
    if (done) break;
    taken.push(value);
  }
  return taken;
};

describe('the events of a rollout', () => {
  test('come as they happen, until it is closed and all are told', async () => {
    const id = await atWork();
    const events = await opened(id);
    expect(await take(events, 3)).toMatchObject([
      { seq: 1, attempt: 0, type: 'status', status: 'queued' },
      { seq: 2, attempt: 1, type: 'status', status: 'provisioning' },
      { seq: 3, attempt: 1, type: 'status', status: 'running' },
    ]);
    await say(id, 'one');
    expect(await take(events, 1)).toMatchObject([{ seq: 4, type: 'notice', message: 'one' }]);
    await say(id, 'two');
    await endRollout(api().store, id);
    expect(await take(events, 10)).toMatchObject([
      { seq: 5, type: 'notice', message: 'two' },
      { seq: 6, type: 'status', status: 'completed', reward: 1, failure: null },
    ]);
  });

  test('have id, event and data as browsers read them, and all of it in data', async () => {
    const id = await atWork();
    await endRollout(api().store, id);
    const { text, headers } = await api().ask(path(id, '?after=2'));
    expect(headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect(text).toMatch(/^id: 3\nevent: status\ndata: \{"seq":3,.*\}\n\nid: 4\nevent: status\ndata: \{.*\}\n\n$/);
  });

  test.each([
    ['after', '?after=4', {}],
    ['cursor', '?cursor=4', {}],
    ['Last-Event-ID, which is newer than the address', '?after=1', { 'last-event-id': '4' }],
  ])('go on where a reader stopped, by %s', async (_, query, headers) => {
    const id = await atWork();
    await say(id, 'one');
    await say(id, 'two');
    expect(await take(await opened(id, query, headers), 1)).toMatchObject([{ seq: 5, message: 'two' }]);
  });

  test('of a rollout of which the reader knows all are 204, so that a browser stays away', async () => {
    const id = await atWork();
    await endRollout(api().store, id);
    expect(await api().ask(path(id), { headers: { 'last-event-id': '4' } })).toMatchObject({ status: 204, text: '' });
  });

  test('are given in pages to who asks for JSON', async () => {
    const id = await atWork();
    const headers = { accept: 'application/json' };
    const page = async (after: number) =>
      parseJson((await api().ask(path(id, `?after=${after}`), { headers })).text, eventListSchema);
    expect(await page(1)).toMatchObject({ rollout_id: id, events: [{ seq: 2 }, { seq: 3 }], next: 3, complete: false });
    expect(await page(3)).toMatchObject({ events: [], next: 3, complete: false });
    await endRollout(api().store, id);
    expect(await page(3)).toMatchObject({ events: [{ seq: 4 }], next: 4, complete: true });
  });

  test('of thousands are all there, in order', async () => {
    const id = await atWork();
    const many = Array.from({ length: 1200 }, (_, index) => ({
      key: `n${index}`,
      attempt: 1,
      content: { type: 'notice', message: 'x'.repeat(200) } as const,
    }));
    await api().store.events.append(id, many);
    await endRollout(api().store, id);
    const seqs = (await take(await opened(id), Infinity)).map(({ seq }) => seq);
    expect(seqs).toEqual(Array.from({ length: 1204 }, (_, index) => index + 1));
  });

  test.each([
    ['after', '?after=-1', {}, 'after'],
    ['cursor', '?cursor=x', {}, 'cursor'],
    ['Last-Event-ID', '', { 'last-event-id': 'x' }, 'Last-Event-ID'],
  ])('refuse a bad %s by its name', async (_, query, headers, field) => {
    const answer = await api().ask(path(await atWork(), query), { headers });
    expect(answer.status).toBe(400);
    expect(problemOf(answer)).toMatchObject({ field });
  });

  test('are nobody else’s', async () => {
    const id = await atWork();
    expect((await api().ask(path(id), { key: api().foreignKey })).status).toBe(404);
  });
});
