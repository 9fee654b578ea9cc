import { beforeAll, describe, expect, test } from 'vitest';
import { batchEventListSchema, batchEventSchema } from '../../src/model/batch-event-responses.ts';
import { batchSchema } from '../../src/model/batch-responses.ts';
import { parseJson } from '../../src/model/json.ts';
import { parseEvents } from '../../src/sdk/events.ts';
import { problemOf, useApi } from '../support/api.ts';
import { readyDeployment } from '../support/deployment.ts';
import { earnedOne, endRollout, roomFor, run } from '../support/rollout.ts';

const api = useApi();
beforeAll(() => readyDeployment(api().store, { name: 'env' }));

const policy = { config: { model: 'gpt-5-mini' } };
const prompt_template = { sections: [{ role: 'user', content: 'Do it.' }] };

/** A batch that has told two events and one for each of its rollouts: they are queued. */
async function begun(body: object = {}): Promise<string> {
  const answer = await api().ask('/api/harbor/deployments/env/batches', {
    body: { policy, prompt_template, seeds: [5, 6], ...body },
  });
  const { id } = parseJson(answer.text, batchSchema);
  await turn(id);
  return id;
}
const failed = { ...earnedOne, reward: null, failure: { class: 'internal', message: 'broken' } } as const;
const turn = (id: string) => api().store.batches.turn(id, 100);
const path = (id: string, query = '') => `/api/harbor/batches/${id}/events${query}`;
const opened = async (id: string, query = '', headers = {}) =>
  parseEvents(await api().open(path(id, query), { headers }), batchEventSchema);
type Event = Awaited<ReturnType<typeof opened>> extends AsyncGenerator<infer T> ? T : never;

/** The next events of these kinds. */
async function take(events: AsyncGenerator<Event>, many: number, ...types: Event['type'][]): Promise<Event[]> {
  const taken: Event[] = [];
  while (taken.length < many) {
    const { value, done } = await events.next();
    if (done) break;
    if (types.includes(value.type)) taken.push(value);
  }
  return taken;
}

describe('the events of a batch', () => {
  test('come as they happen, with its figures, until it is closed and all are told', async () => {
    const id = await begun();
    const events = await opened(id);
    expect(await take(events, 1, 'progress')).toMatchObject([
      { seq: 0, batch: { id, planned: 2, counts: { scored: 0, open: { queued: 2 } } } },
    ]);
    expect(await take(events, 3, 'batch', 'rollout')).toMatchObject([
      { seq: 1, type: 'batch', status: 'running', total: 2 },
      { seq: 2, type: 'rollout', rollout_id: `${id}-0`, seed: 5, sample: 0, policy: 0, status: 'queued' },
      { seq: 3, type: 'rollout', rollout_id: `${id}-1`, seed: 6, cell: 1, generation: 1 },
    ]);
    await api().store.rollouts.admit(`${id}-0`, run('run'), roomFor(1000));
    await endRollout(api().store, `${id}-0`);
    expect(await take(events, 2, 'rollout')).toMatchObject([
      { seq: 4, status: 'provisioning', attempt: 1 },
      { seq: 5, status: 'completed', reward: 1, failure_class: null },
    ]);
    expect(await take(events, 1, 'progress')).toMatchObject([{ batch: { mean_reward: 1, counts: { scored: 1 } } }]);
    await endRollout(api().store, `${id}-1`);
    await turn(id);
    const last = await take(events, 100, 'batch', 'rollout', 'end');
    expect(last).toMatchObject([
      { seq: 6, type: 'rollout', status: 'completed' },
      { seq: 7, type: 'batch', status: 'completed', stop_reason: null },
      { seq: 7, type: 'end', batch: { status: 'completed', counts: { scored: 2 }, mean_reward: 1 } },
    ]);
  });

  test('have id, event and data as browsers read them; figures have no place of their own', async () => {
    const id = await begun();
    await api().ask(`/api/harbor/batches/${id}/cancel`, { method: 'POST' });
    for (const cell of [0, 1]) await endRollout(api().store, `${id}-${cell}`);
    await turn(id);
    const { text, headers } = await api().ask(path(id, '?after=6'));
    expect(headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect(text).toMatch(
      /^event: progress\ndata: \{.*\}\n\nid: 7\nevent: batch\ndata: \{.*"cancelled".*\}\n\nevent: end\n/,
    );
  });

  test.each([
    ['after', '?after=2', {}],
    ['Last-Event-ID, which is newer than the address', '?after=1', { 'last-event-id': '2' }],
  ])('go on where a reader stopped, by %s', async (_, query, headers) => {
    const id = await begun();
    expect(await take(await opened(id, query, headers), 1, 'batch', 'rollout')).toMatchObject([{ seq: 3 }]);
  });

  test('end at once for who has them all, and are 204 for a browser that connects again', async () => {
    const id = await begun();
    for (const cell of [0, 1]) await endRollout(api().store, `${id}-${cell}`);
    await turn(id);
    const events = await Array.fromAsync(await opened(id, '?after=6'));
    expect(events).toMatchObject([{ seq: 6, type: 'end' }]);
    expect((await api().ask(path(id), { headers: { 'last-event-id': '6' } })).status).toBe(204);
  });

  test('go on where a retry opens the batch again', async () => {
    const id = await begun();
    for (const cell of [0, 1]) await endRollout(api().store, `${id}-${cell}`, failed);
    await turn(id);
    await api().ask(`/api/harbor/batches/${id}/retry`, { body: { seeds: [6] } });
    const events = await opened(id, '?after=6');
    await turn(id);
    await endRollout(api().store, `${id}-1-g2`);
    await turn(id);
    expect(await take(events, 100, 'batch', 'rollout', 'end')).toMatchObject([
      { seq: 7, type: 'batch', status: 'running', total: 3 },
      { seq: 8, rollout_id: `${id}-1-g2`, cell: 1, generation: 2, seed: 6, status: 'queued' },
      { seq: 9, status: 'completed' },
      { seq: 10, type: 'batch', status: 'completed' },
      { type: 'end', batch: { counts: { scored: 1, failed: { internal: 1 } } } },
    ]);
  });

  test('of a large batch come page by page, whole and in order', async () => {
    const id = await begun({ seeds: { count: 600 }, concurrency: 600 });
    for (let at = 0; at < 600; at += 100) await turn(id);
    const ask = async (after: number) => {
      const answer = await api().ask(path(id, `?after=${after}`), { headers: { accept: 'application/json' } });
      return parseJson(answer.text, batchEventListSchema);
    };
    const first = await ask(0);
    expect(first).toMatchObject({ batch_id: id, next: 500, complete: false });
    const second = await ask(first.next);
    expect(second).toMatchObject({ next: 601, complete: false });
    const all = [...first.events, ...second.events].map(({ seq }) => seq);
    expect(all).toEqual(Array.from({ length: 601 }, (_, index) => index + 1));
    const streamed = await take(await opened(id), 601, 'batch', 'rollout');
    expect(streamed).toEqual([...first.events, ...second.events]);
  });

  test('are refused to others, and from places that are none', async () => {
    const id = await begun();
    expect((await api().ask(path(id), { key: api().foreignKey })).status).toBe(404);
    const answer = await api().ask(path(id), { headers: { 'last-event-id': 'x' } });
    expect(answer.status).toBe(400);
    expect(problemOf(answer).field).toBe('Last-Event-ID');
  });
});
