import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { DeploymentRow } from '../../src/store/deployments.ts';
import { readyDeployment } from '../support/deployment.ts';
import { earnedOne, insertRollout, roomFor, run } from '../support/rollout.ts';
import { openTestStore, type TestStore } from '../support/store.ts';

let store: TestStore;
let deployment: DeploymentRow;
let count = 0;
let id: string;

beforeAll(async () => {
  store = await openTestStore();
  deployment = await readyDeployment(store, { name: 'env' });
});
afterAll(() => store.close());
beforeEach(async () => {
  count += 1;
  id = `r${count}`;
  await insertRollout(store, deployment, id);
});

const notice = (message: string) => ({ key: message, attempt: 1, content: { type: 'notice', message } as const });
const log = (text: string) => ({ type: 'log', stream: 'agent', text }) as const;
const all = async () => (await store.events.list(id, 0, 1000)).map(({ seq, content }) => ({ seq, ...content }));
const behindFirst = async () => (await all()).slice(1);

describe("a rollout's status", () => {
  test('is an event each time that it changes, and once', async () => {
    await store.rollouts.admit(id, run('run'), roomFor(1000));
    await store.rollouts.admit(id, run('run'), roomFor(1000));
    await store.rollouts.enter(id, 'run', 'running', 1);
    await store.rollouts.enter(id, 'run', 'running', 1);
    await store.rollouts.close(id, 'run', 'completed', earnedOne);
    await store.rollouts.close(id, 'run', 'completed', earnedOne);
    expect(await all()).toEqual([
      { seq: 1, type: 'status', status: 'queued' },
      { seq: 2, type: 'status', status: 'provisioning' },
      { seq: 3, type: 'status', status: 'running' },
      { seq: 4, type: 'status', status: 'completed', reward: 1, failure: null },
    ]);
  });

  test('that another workflow run would change is none', async () => {
    await store.rollouts.admit(id, run('run'), roomFor(1000));
    await store.rollouts.enter(id, 'another run', 'running', 1);
    expect((await all()).map(({ seq }) => seq)).toEqual([1, 2]);
  });
});

describe('events', () => {
  test('have places one after the other, and are there once under each key', async () => {
    await store.events.append(id, [notice('a'), notice('b')]);
    await store.events.append(id, [notice('b'), notice('c')]);
    expect(await behindFirst()).toEqual([
      { seq: 2, type: 'notice', message: 'a' },
      { seq: 3, type: 'notice', message: 'b' },
      { seq: 4, type: 'notice', message: 'c' },
    ]);
  });

  test('of many writers at once have places without a gap', async () => {
    const keys = Array.from({ length: 40 }, (_, index) => `n${index}`);
    await Promise.all(keys.map((key) => store.events.append(id, [notice(key), notice(`${key}+`)])));
    expect((await all()).map(({ seq }) => seq)).toEqual(Array.from({ length: 81 }, (_, index) => index + 1));
  });

  test('are listed from any place on', async () => {
    await store.events.append(id, [notice('a'), notice('b'), notice('c')]);
    expect((await store.events.list(id, 2, 1)).map(({ seq }) => seq)).toEqual([3]);
  });

  test('hold what a database cannot, as well as it can', async () => {
    await store.events.append(id, [notice('nul \0, half \uD83D')]);
    expect(await behindFirst()).toMatchObject([{ message: 'nul \uFFFD, half \uFFFD' }]);
  });

  test('wake who waits for them', async () => {
    const heard = store.events.appended(id, AbortSignal.timeout(10_000));
    await store.events.append(id, [notice('a')]);
    await heard;
    expect(await behindFirst()).toHaveLength(1);
  });
});

describe('output that is told', () => {
  const tell = (from: number, to: number, ...texts: string[]) =>
    store.events.tell(id, { stream: 'agent/1', from, to, attempt: 1, contents: texts.map(log) });

  test('goes on where it stopped', async () => {
    expect(await tell(0, 10, 'one')).toBe(true);
    expect(await tell(10, 30, 'two', 'three')).toBe(true);
    expect(await store.events.told(id, 'agent/1')).toBe(30);
    expect(await behindFirst()).toMatchObject([{ text: 'one' }, { text: 'two' }, { text: 'three' }]);
  });

  test('is told once, by whoever is first', async () => {
    await tell(0, 10, 'one');
    expect(await tell(0, 12, 'one and more')).toBe(false);
    expect(await tell(12, 20, 'later')).toBe(false);
    expect(await store.events.told(id, 'agent/1')).toBe(10);
    expect(await behindFirst()).toMatchObject([{ text: 'one' }]);
  });

  test('moves on where there is nothing to tell', async () => {
    expect(await tell(0, 10)).toBe(true);
    expect(await tell(10, 20, 'one')).toBe(true);
    expect(await behindFirst()).toMatchObject([{ text: 'one' }]);
  });

  test('does not begin in the middle', async () => {
    expect(await tell(5, 10, 'one')).toBe(false);
    expect(await store.events.told(id, 'agent/1')).toBe(0);
  });
});
