import { beforeAll, describe, expect, test } from 'vitest';
import { waitForPlace } from '../../src/api/rollout-wait.ts';
import type { Failure } from '../../src/model/failures.ts';
import { problemOf, useApi } from '../support/api.ts';
import { readyDeployment } from '../support/deployment.ts';
import { eventually } from '../support/project.ts';
import { earnedOne, endRollout, roomFor, run, small } from '../support/rollout.ts';

const api = useApi({ places: 1 });
const path = '/api/harbor/deployments/full/rollout';
const patient = new AbortController().signal;

/** One rollout has the only place. */
beforeAll(async () => {
  await readyDeployment(api().store, { name: 'full', facts: { hasRunRollout: true } });
  await api().ask(path, { body: { rollout_id: 'holder' }, headers: { prefer: 'respond-async' } });
  await api().store.rollouts.admit('holder', run('run'), roomFor(1));
});

const isThere = (id: string) => eventually(`rollout ${id} to be made`, () => api().store.rollouts.find(id));

describe('waiting for a place', () => {
  test('ends after its time, with a word on when to come again', async () => {
    await expect(waitForPlace({ store: api().store, capacity: roomFor(1) }, small, patient, 0.1)).rejects.toMatchObject(
      {
        failureClass: 'capacity',
        retryAfterSeconds: 30,
      },
    );
  });

  test('ends when the caller hangs up', async () => {
    const caller = new AbortController();
    const waiting = waitForPlace({ store: api().store, capacity: roomFor(1) }, small, caller.signal);
    caller.abort();
    await expect(waiting).rejects.toThrow('aborted');
  });

  test('gives nobody the place of a caller who has gone', async () => {
    await expect(
      waitForPlace({ store: api().store, capacity: roomFor(2) }, small, AbortSignal.abort()),
    ).rejects.toThrow('aborted');
  });

  test('is not for asynchronous rollouts: they wait in Harbor', async () => {
    const answer = await api().ask(path, { body: { rollout_id: 'queued' }, headers: { prefer: 'respond-async' } });
    expect(answer.status).toBe(202);
    await endRollout(api().store, 'queued');
  });

  test('makes nothing until a place is free; then the rollout is started and its result answered', async () => {
    const answer = api().ask(path, { body: { rollout_id: 'waiting' } });
    expect(await api().store.rollouts.find('waiting')).toBeUndefined();
    await endRollout(api().store, 'holder');
    await isThere('waiting');
    await endRollout(api().store, 'waiting');
    expect((await answer).status).toBe(200);
  });
});

describe('a synchronous rollout that ends without a number', () => {
  test.each<[Failure['class'], number]>([
    ['sandbox_lost', 424],
    ['agent_unsupported', 424],
    ['no_reward', 424],
    ['cancelled', 424],
    ['internal', 424],
    ['capacity', 424],
  ])('by %s is answered with %i, its class and its id, never with what clients repeat', async (failure, status) => {
    const id = `ended-by-${failure}`;
    const answer = api().ask(path, { body: { rollout_id: id } });
    await isThere(id);
    await endRollout(api().store, id, { ...earnedOne, reward: null, failure: { class: failure, message: 'why' } });
    expect((await answer).status).toBe(status);
    expect(problemOf(await answer)).toEqual({ detail: `${failure}: why`, code: failure, rollout_id: id });
  });
});

test('a rollout goes on when its caller has hung up', async () => {
  const caller = new AbortController();
  const answer = api().ask(path, { body: { rollout_id: 'alone' }, signal: caller.signal });
  await isThere('alone');
  caller.abort();
  await expect(answer).rejects.toThrow('aborted');
  expect((await api().temporal.workflow.getHandle('rollout/alone').describe()).status.name).toBe('RUNNING');
  expect(await api().store.rollouts.find('alone')).toMatchObject({ closedAt: null });
});
