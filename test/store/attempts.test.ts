import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { agentLogId } from '../../src/model/ids.ts';
import type { SessionResume } from '../../src/model/resume.ts';
import { readyDeployment } from '../support/deployment.ts';
import { endRollout, insertRollout } from '../support/rollout.ts';
import { openTestStore, type TestStore } from '../support/store.ts';

let store: TestStore;
let count = 0;
let id: string;

beforeAll(async () => {
  store = await openTestStore();
});
afterAll(() => store.close());

beforeEach(async () => {
  const deployment =
    (await store.deployments.find('default', 'env')) ?? (await readyDeployment(store, { name: 'env' }));
  count += 1;
  id = `r${count}`;
  await insertRollout(store, deployment, id);
  await store.attempts.begin(id, 1, 'box');
});

const resume = (command: string): SessionResume => ({
  command,
  sessionId: 's',
  reason: 'r',
  at: new Date().toISOString(),
  mark: 'm',
  offset: 1,
});

describe('an agent’s session', () => {
  test('is taken up once, whoever says so', async () => {
    const first = await store.attempts.resumeAgent(id, 1, 0, resume('agent-2'));
    const late = await store.attempts.resumeAgent(id, 1, 0, resume('agent-2'));
    expect([first?.resumes.length, late]).toEqual([1, undefined]);
    expect((await store.attempts.resumeAgent(id, 1, 1, resume('agent-3')))?.resumes).toHaveLength(2);
  });

  test('is not ended by a worker that does not know that it was taken up', async () => {
    await store.attempts.resumeAgent(id, 1, 0, resume('agent-2'));
    expect(await store.attempts.endAgent(id, 1, 0)).toBeUndefined();
    expect((await store.attempts.endAgent(id, 1, 1))?.agentEndedAt).toBeInstanceOf(Date);
  });

  test('is not taken up when it was ended, which may be said again', async () => {
    const ended = await store.attempts.endAgent(id, 1, 0);
    expect(await store.attempts.resumeAgent(id, 1, 0, resume('agent-2'))).toBeUndefined();
    expect((await store.attempts.endAgent(id, 1, 0))?.agentEndedAt).toEqual(ended?.agentEndedAt);
  });
});

describe('whoever comes late', () => {
  const note = { type: 'notice', message: 'late' } as const;
  const tell = (from: number, to: number) =>
    store.events.tell(id, { stream: 'agent/1', from, to, attempt: 1, contents: [note] });
  const artifact = (name: string) =>
    store.artifacts.add({
      rolloutId: id,
      attempt: 1,
      name,
      contentType: 'text/plain',
      bytes: 1,
      ref: null,
      omitted: 'why',
    });
  const names = async () => (await store.artifacts.list(id)).map(({ name }) => name);

  test('cannot mark or take up an attempt that has ended', async () => {
    await store.attempts.end(id, 1, null);
    const before = await store.attempts.find(id, 1);
    await expect(store.attempts.mark(id, 1, 'evaluatedAt')).rejects.toMatchObject({ failureClass: 'cancelled' });
    expect(await store.attempts.resumeAgent(id, 1, 0, resume('agent-2'))).toBeUndefined();
    expect(await store.attempts.endAgent(id, 1, 0)).toBeUndefined();
    await store.attempts.setOverrides(id, 1, []);
    await store.attempts.end(id, 1, { class: 'internal', message: 'late' });
    expect(await store.attempts.find(id, 1)).toEqual(before);
  });

  test.each([
    ['its attempt has ended', () => store.attempts.end(id, 1, null)],
    ['its rollout is closed', () => endRollout(store, id)],
  ])('adds no artifact and tells nothing when %s', async (_, end) => {
    await artifact('in-time');
    expect(await tell(0, 5)).toBe(true);
    await end();
    const before = await store.events.list(id, 0, 100);
    await artifact('late');
    expect(await tell(5, 9)).toBe(false);
    expect(await store.events.list(id, 0, 100)).toEqual(before);
    expect(await names()).toEqual(['in-time']);
  });

  test('adds nothing to a log that is closed', async () => {
    const log = agentLogId(id, 1);
    await store.logs.append(log, 0, Buffer.from('whole'));
    await store.logs.close(log);
    await store.logs.append(log, 5, Buffer.from(' and late'));
    expect(String(await store.logs.read(log, 0))).toBe('whole');
    expect(await store.db.selectFrom('logChunks').where('logId', '=', log).select('byteOffset').execute()).toEqual([]);
  });
});

test('time paused before the tests began is remembered, once', async () => {
  await store.attempts.setPaused(id, 1);
  await store.attempts.setResumed(id, 1);
  const begun = await store.attempts.mark(id, 1, 'testsStartedAt');
  await store.attempts.setPaused(id, 1);
  await store.attempts.setResumed(id, 1);
  const again = await store.attempts.mark(id, 1, 'testsStartedAt');
  expect(again).toMatchObject({ testsStartedAt: begun.testsStartedAt, pausedBeforeTestsMs: begun.pausedMs });
});
